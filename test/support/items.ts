import fc from 'fast-check'
import { type TagName, tags } from '../../spec/tags.ts'
import type { Item } from '../../src/ttlv/index.ts'

const tag: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...(Object.keys(tags) as TagName[])).map((name) => tags[name].tag) },
  { weight: 1, arbitrary: fc.integer({ min: 0x540000, max: 0x54ffff }) },
)

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const uint32 = fc.integer({ min: 0, max: 0xffffffff })

/** Text of any planes, without the NUL that KMIP forbids. */
const anyText = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0'))

/** Trees of every type that the binary encoding and JSON carry. */
export const items: fc.Arbitrary<Item> = itemsWith(anyText)

/** Trees that XML carries too: its text has no control characters. */
export const xmlItems: fc.Arbitrary<Item> = itemsWith(
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML 1.0 cannot carry
  anyText.filter((text) => !/[\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)),
)

function itemsWith(text: fc.Arbitrary<string>): fc.Arbitrary<Item> {
  const item = <T extends Item['type']>(type: T, value: fc.Arbitrary<Extract<Item, { type: T }>['value']>): fc.Arbitrary<Item> =>
    fc.tuple(tag, value).map(([number, inner]) => ({ tag: number, type, value: inner }) as unknown as Item)
  return fc.letrec<{ item: Item; structure: Item }>((tie) => ({
    structure: item('Structure', fc.array(tie('item'), { maxLength: 6 })),
    item: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      item('Integer', fc.integer({ min: -0x80000000, max: 0x7fffffff })),
      item('LongInteger', int64),
      item(
        'BigInteger',
        fc.integer({ min: 1, max: 5 }).chain((words) => fc.uint8Array({ minLength: words * 8, maxLength: words * 8 })),
      ),
      item('Enumeration', uint32),
      item('Boolean', fc.boolean()),
      item('TextString', text),
      item('ByteString', fc.uint8Array({ maxLength: 70 })),
      item('DateTime', int64),
      item('Interval', uint32),
      item('DateTimeExtended', int64),
      item('Identifier', text),
      item('Reference', text),
      item('NameReference', text),
      tie('structure'),
    ),
  })).item
}
