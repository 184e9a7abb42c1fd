/** Whether two attribute values are equal in every part: numbers, text, bytes, and structures of them. An absent field equals undefined. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (left instanceof Uint8Array || right instanceof Uint8Array)
    return left instanceof Uint8Array && right instanceof Uint8Array && sameBytes(left, right)
  if (Array.isArray(left) || Array.isArray(right)) return sameLists(left, right)
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  for (const name of names) if (!sameValue(field(left, name), field(right, name))) return false
  return true
}

/** Whether `value` has everything that `wanted` has: the fields of a structure that are given are equal, the others free (KMIP 2.1 §6.1.28). */
export function includesValue(value: unknown, wanted: unknown): boolean {
  if (typeof value !== 'object' || typeof wanted !== 'object' || value === null || wanted === null) return sameValue(value, wanted)
  if (value instanceof Uint8Array || Array.isArray(value))
    return Array.isArray(wanted) && wanted.length === 0 ? true : sameValue(value, wanted)
  for (const name of Object.keys(wanted)) {
    const part = field(wanted, name)
    if (part !== undefined && !includesValue(field(value, name), part)) return false
  }
  return true
}

function field(of: object, name: string): unknown {
  return (of as Record<string, unknown>)[name]
}

function sameLists(left: unknown, right: unknown): boolean {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false
  return left.every((each, index) => sameValue(each, right[index]))
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
