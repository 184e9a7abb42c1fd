import { type AttributeName, type AttributeRule, attributes as rules } from '../../spec/attributes.ts'
import { KmipError } from '../../spec/kmip-error.ts'
import type { AttributeInstance, StructureValue } from '../../spec/values.ts'
import type { Context } from './context.ts'
import { merged } from './given-attributes.ts'

/**
 * A request's attributes with those of the Templates that it names (KMIP 1.4 §2.1.8): the request's own win over a Template's, a later
 * Template's over an earlier one's.
 * @throws KmipError ObjectNotFound for a name that no Template of the tenant has.
 */
export async function withTemplates(
  context: Context,
  names: readonly StructureValue<'Name'>[] | undefined,
  own: readonly AttributeInstance[],
): Promise<readonly AttributeInstance[]> {
  let attributes: readonly AttributeInstance[] = []
  for (const name of names ?? []) attributes = merged(attributes, await attributesOf(context, name))
  return merged(attributes, own)
}

async function attributesOf(context: Context, name: StructureValue<'Name'>): Promise<AttributeInstance[]> {
  const wanted: AttributeInstance[] = [
    { name: 'ObjectType', value: 'Template' },
    { name: 'Name', value: name },
  ]
  const [identifier] = context.objects.find({ attributes: wanted, onLine: true, destroyed: false, offset: 0, limit: 1 }).ids
  if (identifier === undefined) throw new KmipError('ObjectNotFound', `There is no Template named ${name.value}.`)
  const template = await context.objects.open(identifier)
  return [...template.attributes].filter((instance) => isForOthers(instance.name)).map(withoutIndex)
}

/** Not what tells of the Template itself: its Name, and what the server keeps of every object. */
function isForOthers(name: AttributeName): boolean {
  const rule: AttributeRule = rules[name]
  return (
    name !== 'Name' && name !== 'ObjectType' && (rule.setBy.includes('client') || rule.givenAtCreation === true) && !serverKept.has(name)
  )
}

/** Set by the server on a Template too, though a client may set them on other objects. */
const serverKept: ReadonlySet<AttributeName> = new Set(['OriginalCreationDate', 'RandomNumberGenerator'])

function withoutIndex({ name, value }: AttributeInstance): AttributeInstance {
  return { name, value } as AttributeInstance
}
