import { BitString, Constructed, fromBER, Integer, ObjectIdentifier, OctetString, Sequence } from 'asn1js'
import { withoutLeadingZeros } from './big-integer.ts'

type Element = BitString | Constructed | Integer | ObjectIdentifier | OctetString | Sequence

export function sequence(...value: Element[]): Sequence {
  return new Sequence({ value })
}

/** An INTEGER that is not negative. */
export function integer(magnitude: Uint8Array): Integer {
  const digits = withoutLeadingZeros(magnitude)
  const valueHex = new Uint8Array(digits.length + ((digits[0] ?? 0) >= 0x80 ? 1 : 0))
  valueHex.set(digits, valueHex.length - digits.length)
  return new Integer({ valueHex: valueHex.buffer })
}

export function octetString(bytes: Uint8Array): OctetString {
  return new OctetString({ valueHex: ownBuffer(bytes) })
}

export function bitString(bytes: Uint8Array): BitString {
  return new BitString({ valueHex: ownBuffer(bytes) })
}

/** From its DER in hexadecimal, as the table of curves has it. */
export function objectIdentifier(der: string): ObjectIdentifier {
  const { result } = fromBER(ownBuffer(Buffer.from(der, 'hex')))
  if (!(result instanceof ObjectIdentifier)) throw new TypeError(`${der} is the DER of no object identifier.`)
  return result
}

/** An element inside an explicit context tag. */
export function explicit(tagNumber: number, element: Element): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [element] })
}

export function toDer(element: Element): Uint8Array {
  return new Uint8Array(element.toBER(false))
}

/** The elements of a SEQUENCE that OpenSSL has accepted or written: nothing hostile comes this far. */
export function elementsOf(der: Uint8Array): readonly unknown[] {
  const { result } = fromBER(ownBuffer(der))
  if (!(result instanceof Sequence)) throw new TypeError('The DER is no SEQUENCE.')
  return result.valueBlock.value
}

/** The content of an INTEGER, OCTET STRING or BIT STRING. */
export function contentOf(element: unknown): Uint8Array {
  if (element instanceof BitString || element instanceof OctetString || element instanceof Integer) return element.valueBlock.valueHexView
  throw new TypeError('The DER element holds no bytes.')
}

function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
