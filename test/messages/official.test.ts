import test from 'ava'
import { enumerations } from '../../spec/enumerations.ts'
import { operations } from '../../spec/operations.ts'
import { tags } from '../../spec/tags.ts'
import { encodeRequest, encodeResponse, type RequestMessage, requestFromItem, responseFromItem } from '../../src/messages/index.ts'
import { decode, encode, type Item, itemFromElement, parseXml, type StructureItem, toXml } from '../../src/ttlv/index.ts'
import { caseFiles, hasOasis, oasisAbsent, wireMessages } from '../support/oasis.ts'
import { withSampleValues } from '../support/sample-values.ts'

/** Its header's fields stand in another order than the specification's: read all the same, and written in the right one. */
const outOfOrder = '1.0 use case 11102 request'
/** Its fields have the wrong tags: two Unique Identifiers for those of a key pair. */
const mistagged = '1.0 use case 0810 response'

interface Official {
  readonly name: string
  readonly item: StructureItem
}

const served = new Set<number>(Object.keys(operations).map((name) => enumerations.Operation[name as keyof typeof operations].value))

/** Not kept by the internal form: the order is always kept, and an extension that need not be understood is not. */
const forgotten: ReadonlySet<number> = new Set([tags.BatchOrderOption.tag, tags.MessageExtension.tag])

/** Every message of the cases and of the documents' bytes whose items are all of operations that are served. */
function officialMessages(kind: number): Official[] {
  const ofCases = caseFiles()
    .filter(({ name }) => !name.startsWith('v3.0'))
    .flatMap(({ name, text }) => parseXml(text).children.map((element) => ({ name, item: itemFromElement(withSampleValues(element)) })))
  const ofDocuments = wireMessages().flatMap(({ name, hex }) => {
    try {
      return [{ name, item: decode(Buffer.from(hex, 'hex')) }]
    } catch {
      return [] // the misprinted ones, see test/ttlv/official.test.ts
    }
  })
  return [...ofCases, ...ofDocuments].filter(
    (message): message is Official => message.item.tag === kind && message.item.type === 'Structure' && isServed(message.item),
  )
}

function isServed(message: StructureItem): boolean {
  return message.value.slice(1).every((item) => {
    const first = item.type === 'Structure' ? item.value[0] : undefined
    return first?.tag === tags.Operation.tag && served.has(first.value as number)
  })
}

function without(item: Item, left: ReadonlySet<number>): Item {
  if (item.type !== 'Structure') return item
  return { ...item, value: item.value.filter((inner) => !left.has(inner.tag)).map((inner) => without(inner, left)) }
}

const has = (item: Item, tag: number, value?: Item['value']): boolean =>
  (item.tag === tag && (value === undefined || item.value === value)) ||
  (item.type === 'Structure' && item.value.some((inner) => has(inner, tag, value)))

/** What differs, a line each. */
function difference(expected: Item, actual: Item): string {
  const [was, is] = [toXml(expected).split('\n'), toXml(actual).split('\n')]
  return [
    ...was.filter((line) => !is.includes(line)).map((line) => `-${line}`),
    ...is.filter((line) => !was.includes(line)).map((line) => `+${line}`),
  ].join('\n')
}

test('every official request is read whole and written as the same bytes', (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  let checked = 0
  for (const { name, item } of officialMessages(tags.RequestMessage.tag)) {
    if (has(item, tags.CriticalityIndicator.tag, true)) continue
    if (name === outOfOrder) continue
    const message = requestFromItem(item)
    if (namesTwice(message)) continue
    for (const each of message.items) if ('error' in each) t.fail(`${name}: ${each.error.message}\n${toXml(item)}`)
    const expected = without(item, forgotten)
    const actual = decode(encodeRequest(message))
    if (Buffer.compare(encode(actual), encode(expected)) !== 0) t.fail(`${name}\n${difference(expected, actual)}`)
    checked++
  }
  t.log(`${checked} requests`)
  t.true(checked > 2000)
})

test('every official answer is read whole and written as the same bytes', (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  let checked = 0
  for (const { name, item } of officialMessages(tags.ResponseMessage.tag)) {
    if (has(item, tags.ResultStatus.tag, enumerations.ResultStatus.OperationPending.value)) continue
    if (name === mistagged) continue
    const expected = without(item, forgotten)
    const actual = decode(encodeResponse(responseFromItem(item)))
    if (Buffer.compare(encode(actual), encode(expected)) !== 0) t.fail(`${name}\n${difference(expected, actual)}`)
    checked++
  }
  t.log(`${checked} answers`)
  t.true(checked > 2000)
})

test('a critical extension fails its item in 1.x', (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  const critical = officialMessages(tags.RequestMessage.tag).filter(({ item }) => has(item, tags.CriticalityIndicator.tag, true))
  t.true(critical.length > 0)
  for (const { item } of critical) {
    const [first] = requestFromItem(item).items
    t.is(first !== undefined && 'error' in first ? first.error.reason : undefined, 'UnknownMessageExtension')
  }
})

test('an official header with its fields out of order is read all the same', (t) => {
  if (!hasOasis) return t.log(oasisAbsent) ?? t.false(hasOasis)
  const { item } = officialMessages(tags.RequestMessage.tag).find(({ name }) => name === outOfOrder) as Official
  t.is(requestFromItem(item).header.batchErrorContinuation, 'Continue')
})

/** One official request asks for an attribute twice, to be refused (TC-171). */
function namesTwice({ items }: RequestMessage): boolean {
  return items.some((item) => 'error' in item && item.error.message === 'AttributeName names the same attribute twice')
}
