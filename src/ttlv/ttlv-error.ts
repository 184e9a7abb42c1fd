/**
 * Bytes, XML or JSON that are no TTLV tree, or a tree that no encoding can carry. The message names the item, where it
 * stands, what is wrong with it and what would be right; it never quotes a value, which might be a secret.
 */
export class TtlvError extends Error {
  /** Where the item begins: a byte of the binary form, a character of XML or JSON; undefined for a tree not read from anywhere. */
  readonly offset: number | undefined

  constructor(message: string, offset?: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TtlvError'
    this.offset = offset
  }
}
