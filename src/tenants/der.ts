/** A piece of DER: its tag byte and where it lies. Lengths are checked against what encloses it. */
export interface Der {
  readonly tag: number
  /** The content. */
  readonly value: Uint8Array
  /** Tag, length and content. */
  readonly whole: Uint8Array
}

export const tags = {
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Reads one piece that fills `bytes`. */
export function readDer(bytes: Uint8Array): Der {
  const all = readAll(bytes)
  if (all.length !== 1) throw new Error('not one DER value')
  return all[0]!
}

/** The pieces of a constructed one, in order. */
export function inside(der: Der): readonly Der[] {
  return readAll(der.value)
}

export function oidOf(der: Der | undefined): string {
  if (der?.tag !== tags.oid) throw new Error('not an object identifier')
  const arcs: bigint[] = []
  let arc = 0n
  for (const byte of der.value) {
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if (byte >= 0x80) continue
    if (arcs.length === 0) {
      const first = arc < 40n ? 0n : arc < 80n ? 1n : 2n
      arcs.push(first, arc - first * 40n)
    } else arcs.push(arc)
    arc = 0n
  }
  return arcs.join('.')
}

/** A character string of any of the kinds that names use. */
export function textOf(der: Der): string {
  switch (der.tag) {
    case 0x1e: // BMPString
      return Buffer.from(der.value).swap16().toString('utf16le')
    case 0x0c: // UTF8String
      return new TextDecoder('utf-8', { fatal: true }).decode(der.value)
    default: // PrintableString, IA5String, TeletexString
      return Buffer.from(der.value).toString('latin1')
  }
}

/** UTCTime or GeneralizedTime, in milliseconds. */
export function timeOf(der: Der): number {
  const text = Buffer.from(der.value).toString('latin1')
  const full = der.tag === tags.utcTime ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full) ?? []
  if (second === undefined) throw new Error(`"${text}" is not a time in UTC`)
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
}

function readAll(bytes: Uint8Array): Der[] {
  const found: Der[] = []
  for (let at = 0; at < bytes.length; ) {
    const der = readAt(bytes, at)
    found.push(der)
    at += der.whole.length
  }
  return found
}

function readAt(bytes: Uint8Array, at: number): Der {
  const tag = bytes[at]!
  let length = bytes[at + 1]
  let start = at + 2
  if (length === undefined || (tag & 0x1f) === 0x1f) throw new Error('DER ends early, or has a tag that certificates do not use')
  if (length >= 0x80) {
    const size = length & 0x7f
    if (size === 0 || size > 4 || start + size > bytes.length) throw new Error('a DER length is indefinite or too large')
    length = 0
    for (const byte of bytes.subarray(start, start + size)) length = length * 256 + byte
    start += size
  }
  if (start + length > bytes.length) throw new Error('a DER value says it is longer than what holds it')
  return { tag, value: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) }
}
