import { randomUUID } from 'node:crypto'
import { type MaskBit, masks } from '../../spec/enumerations.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, KeyMaterial, StructureValue } from '../../spec/values.ts'
import { type KeyPolicy, type ManagedObject, type NewObject, newObject, residentName } from '../objects/index.ts'
import { fromPlain, type KeyFormat } from '../objects/key-formats/index.ts'
import type { KeyReference, Partition, PartitionKind } from '../partitions/partition.ts'
import type { Context } from './context.ts'
import { keyHandle } from './object-store.ts'

type Facts = Pick<NewObject, 'objectType' | 'given' | 'form' | 'key' | 'found' | 'policy'> & {
  /** True when the server made the value: it then has an Original Creation Date and a generator. */
  readonly generated: boolean
  /** Of a generated value that comes not from the partition's own generator. */
  readonly generator?: StructureValue<'RNGParameters'>
  /** The SHA-256 hash of a key that came with it. */
  readonly digest?: Uint8Array | undefined
  /** For a value that has no key here, or whose digest its partition cannot make. */
  readonly digests?: readonly StructureValue<'Digest'>[] | undefined
  /** The Protection Storage Masks that the request permits; any when empty or absent. */
  readonly permitted?: StructureValue<'ProtectionStorageMasks'> | undefined
  /** Given when other objects link to this one before it is made. */
  readonly uniqueIdentifier?: string
}

/**
 * Makes a Managed Object of a wrapped value and stages it: identifier, server-set attributes, digest, names. For every operation that
 * brings objects into being.
 * @throws KmipError for attributes that may not be given, NonUniqueNameAttribute, ProtectionStorageUnavailable.
 */
export async function addManagedObject(context: Context, facts: Facts): Promise<ManagedObject> {
  checkRule(context, facts)
  const uniqueIdentifier = facts.uniqueIdentifier ?? randomUUID()
  const { partition } = context
  const object = newObject({
    uniqueIdentifier,
    objectType: facts.objectType,
    now: context.now,
    given: facts.given,
    form: facts.form,
    key: facts.key,
    digests: facts.digests ?? (await digestsOf(context, uniqueIdentifier, facts)),
    ...(facts.found === undefined ? {} : { found: facts.found }),
    generatedBy: facts.generated ? (facts.generator ?? rngParameters(partition)) : undefined,
    protectionStorageMask: chooseStorage(partition, facts.permitted),
    policy: facts.policy,
  })
  context.objects.create(object)
  return object
}

/** @throws KmipError PermissionDenied for a key that does not stay inside, where the tenant's keys must. */
function checkRule({ policy }: Context, { objectType, key }: Facts): void {
  if (policy.resident?.keys !== 'required' || (objectType !== 'SymmetricKey' && objectType !== 'PrivateKey')) return
  if (key !== undefined && residentName(key) !== undefined) return
  throw new KmipError(
    'PermissionDenied',
    'Keys of this tenant are resident: they are made here, by Create and Create Key Pair, and none comes in.',
  )
}

/** The policy that a request's attributes ask for, the tenant's where they are silent. */
export function requestedPolicy(context: Context, given: readonly AttributeInstance[]): KeyPolicy {
  const find = (name: 'Sensitive' | 'Extractable') => given.find((each) => each.name === name)?.value as boolean | undefined
  return { sensitive: find('Sensitive') ?? context.policy.sensitive, extractable: find('Extractable') ?? context.policy.extractable }
}

/**
 * SHA-256 over the value in the format that Get gives it in (KMIP 2.1 §4.21). A key that may not be revealed is digested inside the
 * partition, in the form it has there; the Digest says over which format it was made.
 */
async function digestsOf(
  context: Context,
  uniqueIdentifier: string,
  { key, form: { keyFormatType: format }, digest }: Facts,
): Promise<readonly StructureValue<'Digest'>[]> {
  if (key === undefined) return []
  const reference = { handle: keyHandle(uniqueIdentifier, key), key }
  const inside = insideFormats[key.kind]
  const isKeyPair = key.kind === 'private' || key.kind === 'public'
  if (isKeyPair && format !== undefined && format !== inside && key.policy.extractable && !key.policy.sensitive) {
    const material = await revealed(context, reference, format)
    if (material instanceof Uint8Array) {
      const digestValue = await context.partition.hash('SHA_256', material)
      material.fill(0)
      return [{ hashingAlgorithm: 'SHA_256', digestValue, keyFormatType: format }]
    }
  }
  const digestValue = digest ?? (await context.partition.digest(reference, 'SHA_256'))
  return digestValue === undefined ? [] : [{ hashingAlgorithm: 'SHA_256', digestValue, keyFormatType: inside }]
}

async function revealed(context: Context, reference: KeyReference, format: KeyFormat): Promise<KeyMaterial> {
  const { kind, type, value } = await context.partition.reveal(reference)
  const material = fromPlain({ kind, type, bytes: value.expose() }, format, format)
  value.wipe()
  return material
}

/** The formats of the plain forms that cross a partition. */
const insideFormats = { secret: 'Raw', private: 'PKCS_8', public: 'X_509', data: 'Raw' } as const

/** The generator of a partition's keys: the OpenSSL DRBG in software; what a device uses is not told through PKCS#11. */
export function rngParameters(partition: Pick<Partition, 'kind'>): StructureValue<'RNGParameters'> {
  if (partition.kind === 'pkcs11') return { rngAlgorithm: 'Unspecified' }
  return { rngAlgorithm: 'DRBG', cryptographicAlgorithm: 'AES', cryptographicLength: 256, drbgAlgorithm: 'CTR' }
}

/** Where a partition keeps values, as a Protection Storage Mask. */
export function storageMask(partition: Pick<Partition, 'kind'>): number {
  const bits: Record<PartitionKind, MaskBit<'ProtectionStorageMask'>[]> = {
    software: ['Software'],
    pkcs11: ['Hardware'],
  }
  return bits[partition.kind].reduce((mask, bit) => mask | masks.ProtectionStorageMask[bit].value, 0)
}

function chooseStorage(
  partition: Pick<Partition, 'name' | 'kind'>,
  permitted: StructureValue<'ProtectionStorageMasks'> | undefined,
): number {
  const available = storageMask(partition)
  const wanted = permitted?.masks ?? []
  if (wanted.length > 0 && !wanted.some((mask) => (available & mask) === mask))
    throw new KmipError(
      'ProtectionStorageUnavailable',
      `Partition ${partition.name} is none of the permitted Protection Storage Masks; Query tells what it is.`,
    )
  return available
}
