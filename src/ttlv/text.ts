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

function wrong(tag: number, problem: string): TtlvError {
  return new TtlvError(`${tagLabel(tag)} ${problem}`)
}
