import { randomUUID } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, Identifier, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { assertUsable, checkGiven } from '../objects/index.ts'
import { checkAllowed } from './allowed.ts'
import type { Context } from './context.ts'
import { checkQuantumSafe, wantedKey } from './create.ts'
import { type DerivationObject, derivationOf } from './derive-mechanism.ts'
import { givenValue } from './given-attributes.ts'
import { countUse, parametersFor } from './key-use.ts'
import { addManagedObject, requestedPolicy } from './new-managed-object.ts'
import { keyReference } from './object-store.ts'
import { withTemplates } from './templates.ts'

/**
 * Derive Key (KMIP 2.1 §6.1.14): a Symmetric Key or Secret Data, derived in the tenant's partition; it and its base link to each other.
 * @throws KmipError InvalidObjectType, InvalidMessage, InvalidField; as `assertUsable` for Derive Key; UnsupportedCryptographicParameters for what the
 *   partition lacks.
 */
export async function deriveKey(context: Context, request: RequestPayload<'DeriveKey'>): Promise<ResponsePayload<'DeriveKey'>> {
  const { objectType } = request
  if (objectType !== 'SymmetricKey' && objectType !== 'SecretData')
    throw new KmipError('InvalidObjectType', `Derive Key makes Symmetric Keys and Secret Data, not a ${objectType}.`)
  const attributes = await withTemplates(context, request.templates, request.attributes)
  checkSaid(attributes, objectType)
  const { given, type, form } = wantedKey(objectType, attributes)
  checkGiven(given, objectType)
  checkQuantumSafe(given, type)
  checkAllowed(context, type)
  const objects: DerivationObject[] = []
  for (const identifier of request.uniqueIdentifiers) objects.push(await openBase(context, identifier))
  const own = objects[0] === undefined ? {} : parametersFor(undefined, objects[0].object)
  const { base, mechanism } = derivationOf(request.derivationMethod, request.derivationParameters, objects, own)
  const policy = requestedPolicy(context, given)
  const uniqueIdentifier = randomUUID()
  for (const { object } of objects) {
    object.attributes.add({ name: 'Link', value: { linkType: 'DerivedKeyLink', linkedObjectIdentifier: uniqueIdentifier } })
    await countUse(context, object, 'DeriveKey', Math.ceil(type.length / 8))
  }
  const key = await context.partition.deriveKey(base.reference, mechanism, type, policy)
  await addManagedObject(context, {
    uniqueIdentifier,
    objectType,
    given: [...given, ...objects.map(({ object }) => baseLink(object.uniqueIdentifier))],
    form,
    key,
    policy,
    generated: true,
    // Nothing random goes into it.
    generator: { rngAlgorithm: 'Unspecified' },
  })
  return { uniqueIdentifier }
}

/** @throws KmipError InvalidMessage when the request leaves out what only the client can know. */
function checkSaid(attributes: readonly AttributeInstance[], objectType: 'SymmetricKey' | 'SecretData'): void {
  const names =
    objectType === 'SymmetricKey' ? (['CryptographicAlgorithm', 'CryptographicLength'] as const) : (['CryptographicLength'] as const)
  const missing = names.filter((name) => givenValue(attributes, name) === undefined)
  if (missing.length > 0) throw new KmipError('InvalidMessage', `Derive Key needs ${missing.join(' and ')} of the new ${objectType}.`)
}

async function openBase(context: Context, identifier: Identifier): Promise<DerivationObject> {
  const object = await context.objects.open(identifier)
  checkAllowed(context, assertUsable(object, context.now, 'DeriveKey').type)
  return { object, reference: keyReference(object) }
}

function baseLink(linkedObjectIdentifier: string): AttributeInstance {
  return { name: 'Link', value: { linkType: 'DerivationBaseObjectLink', linkedObjectIdentifier } }
}
