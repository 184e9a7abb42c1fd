/**
 * A KMIP Big Integer (KMIP 2.1 §9.1.1.4: two's complement, a multiple of 8 bytes) of a number that is not negative.
 */
export function toBigInteger(magnitude: Uint8Array): Uint8Array {
  const digits = withoutLeadingZeros(magnitude)
  // One more bit than the number needs, so that its first bit is not read as a minus sign.
  const length = Math.max(8, Math.ceil((digits.length + ((digits[0] ?? 0) >= 0x80 ? 1 : 0)) / 8) * 8)
  const bytes = new Uint8Array(length)
  bytes.set(digits, length - digits.length)
  return bytes
}

/** The digits of a Big Integer in base 256, most significant first, without leading zeros; undefined for a negative number. */
export function fromBigInteger(bytes: Uint8Array): Uint8Array | undefined {
  return (bytes[0] ?? 0) >= 0x80 ? undefined : withoutLeadingZeros(bytes)
}

export function withoutLeadingZeros(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  return bytes.subarray(start)
}
