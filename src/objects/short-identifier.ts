/** The Short Unique Identifier of an object (KMIP 2.1 §4.56): the 16 bytes of its UUID. */
export function shortIdentifierOf(uuid: string): Uint8Array {
  return new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'))
}

/** The Unique Identifier that a short one stands for; of other lengths none does. */
export function uuidOf(shortIdentifier: Uint8Array): string {
  const hex = Buffer.from(shortIdentifier).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
