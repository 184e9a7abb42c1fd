import { isUtf8 } from 'node:buffer'
import { tagLabel } from './names.ts'
import { TtlvError } from './ttlv-error.ts'

/** How many bytes a text has as UTF-8. @throws TtlvError for a NUL, which KMIP forbids, and half a surrogate pair, which UTF-8 cannot carry. */
export function utf8Length(tag: number, value: string): number {
  let length = value.length
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index)
    if (unit === 0) throw wrong(tag, `is text, but has a NUL (at character ${index})`)
    if (unit < 0x80) continue
    if (unit < 0x800) length += 1
    else if (unit < 0xd800 || unit > 0xdfff) length += 2
    else {
      const next = unit < 0xdc00 ? value.charCodeAt(index + 1) : 0
      if (!(next >= 0xdc00 && next <= 0xdfff)) throw wrong(tag, `is text, but has half a surrogate pair (at character ${index})`)
      length += 2 // two units become four bytes
      index++
    }
  }
  return length
}

/** The text of a message in XML or JSON, from bytes as UTF-8. @throws TtlvError for what is larger than `maxBytes` or not UTF-8. */
export function messageText(message: string | Uint8Array, what: 'XML' | 'JSON', maxBytes: number): string {
  if (message.length > maxBytes) {
    const unit = typeof message === 'string' ? 'characters' : 'bytes'
    throw new TtlvError(`The ${what} has ${message.length} ${unit}, the limit is ${maxBytes}`)
  }
  if (typeof message === 'string') return message
  if (!isUtf8(message)) throw new TtlvError(`The ${what} is not well-formed UTF-8`)
  return Buffer.from(message.buffer, message.byteOffset, message.length).toString('utf8')
}

function wrong(tag: number, problem: string): TtlvError {
  return new TtlvError(`${tagLabel(tag)} ${problem}`)
}
