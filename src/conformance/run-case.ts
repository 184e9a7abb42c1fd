import { decode, encode, type Item, itemFromElement, parseXml, toXml, type XmlElement } from '../ttlv/index.ts'
import { compare, secondsOf } from './compare.ts'
import { Bindings, isPlaceholder, substitute, timeOf } from './placeholders.ts'
import { batchItems, childOf, type Step, type TestCase, textOf } from './test-case.ts'

/** Sends one message and answers with what the server sent back. */
export type Exchange = (frame: Uint8Array) => Promise<Uint8Array>

export type CaseResult =
  | { readonly name: string; readonly outcome: 'passed' }
  | {
      readonly name: string
      readonly outcome: 'failed'
      readonly step: number
      readonly differences: readonly string[]
      readonly response?: string
    }

/** Runs a case's steps in order and compares each answer; stops at the first that differs. Cases of one series are given one `memory`. */
export async function runCase(testCase: TestCase, exchange: Exchange, memory = new Memory()): Promise<CaseResult> {
  const session = new Session(memory)
  for (const [step, messages] of testCase.steps.entries()) {
    const { differences, response } = await session.run(messages, exchange)
    if (differences.length > 0)
      return { name: testCase.name, outcome: 'failed', step, differences, ...(response === undefined ? {} : { response }) }
  }
  return { name: testCase.name, outcome: 'passed' }
}

/** What the cases of a series know of the objects that they made. */
export class Memory {
  /** Identifiers of objects that the server made: their material and all that comes of it vary (rules 7 and 8). */
  readonly serverMade = new Set<string>()
  /** The payloads that registered objects: their parameters hold where a request gives none. */
  readonly registered = new Map<string, XmlElement>()
}

/** What one case has learnt: bindings, dates, and the last value of each element that the server sent. */
class Session {
  readonly #bindings = new Bindings()
  readonly #fixedDates = new Set<number>()
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
  }

  async run({ request, response }: Step, exchange: Exchange): Promise<{ differences: string[]; response?: string }> {
    const now = Math.floor(Date.now() / 1000)
    const sent = substitute(request, this.#bindings, now)
    this.#noteDates(request, now)
    let answer: Item
    try {
      answer = decode(await exchange(encode(itemFromElement(sent))))
    } catch (error) {
      return { differences: [`no answer: ${(error as Error).message}`] }
    }
    const xml = toXml(answer)
    this.#bindings.noteAnswer(parseXml(xml))
    const differences = this.#compareMessages(sent, response, parseXml(xml), now)
    return { differences, response: xml }
  }

  /** Item by item, because what may vary depends on the operation and on the object it used. */
  #compareMessages(sent: XmlElement, expected: XmlElement, actual: XmlElement, now: number): string[] {
    const common = { bindings: this.#bindings, now, fixedDates: this.#fixedDates }
    const wanted = batchItems(expected)
    const found = batchItems(actual)
    const header = compare(withoutItems(expected), withoutItems(actual), { ...common, isVariable: false })
    if (wanted.length !== found.length)
      return [...header, `ResponseMessage/BatchItem: stands ${found.length} times, expected ${wanted.length}`]
    const items = wanted.flatMap((item, index) => {
      this.#noteStream(batchItems(sent)[index], item)
      this.#notePending(item)
      const isVariable = this.#isVariable(batchItems(sent)[index], found[index] as XmlElement)
      const label = wanted.length > 1 ? `BatchItem[${index}]` : 'BatchItem'
      const differences = compare(item, found[index] as XmlElement, { ...common, isVariable }, label)
      this.#noteMade(batchItems(sent)[index], found[index] as XmlElement)
      return differences
    })
    return [...header, ...items]
  }

  /** Each stream has a Correlation Value of its own, under the one name that the cases have for all of them. */
  #noteStream(request: XmlElement | undefined, expected: XmlElement): void {
    if (textOf(childOf(childOf(request, 'RequestPayload'), 'InitIndicator')) !== 'true') return
    const name = textOf(childOf(childOf(expected, 'ResponsePayload'), 'CorrelationValue'))
    if (isPlaceholder(name)) this.#bindings.release(name)
  }

  /** Each request that is answered later has a value of its own, under the one name that a case has for all of them. */
  #notePending(expected: XmlElement): void {
    const name = textOf(childOf(expected, 'AsynchronousCorrelationValue'))
    if (isPlaceholder(name)) this.#bindings.release(name)
  }

  #noteMade(request: XmlElement | undefined, item: XmlElement): void {
    const operation = textOf(childOf(item, 'Operation'))
    const identifiers = (childOf(item, 'ResponsePayload')?.children ?? [])
      .filter((child) => child.name.endsWith('UniqueIdentifier'))
      .map(textOf)
    if (operation === 'Create' || operation === 'CreateKeyPair') for (const each of identifiers) this.#memory.serverMade.add(each ?? '')
    const payload = childOf(request, 'RequestPayload')
    if (operation === 'Register' && payload !== undefined) this.#memory.registered.set(identifiers[0] ?? '', payload)
  }

  #isVariable(request: XmlElement | undefined, response: XmlElement): boolean {
    const operation = textOf(childOf(response, 'Operation'))
    if (operation === 'RNGRetrieve') return true
    const payload = childOf(request, 'RequestPayload')
    const used =
      textOf(childOf(childOf(response, 'ResponsePayload'), 'UniqueIdentifier')) ?? textOf(childOf(payload, 'UniqueIdentifier')) ?? ''
    if (this.#memory.serverMade.has(used)) return true
    const registered = this.#memory.registered.get(used)
    return operation !== undefined && isRandomised(operation, childOf(payload, 'CryptographicParameters') ?? registered, registered)
  }

  #noteDates(element: XmlElement, now: number): void {
    const value = textOf(element)
    if (element.attributes.get('type') === 'DateTime' && value !== undefined) {
      this.#fixedDates.add(isPlaceholder(value) ? (timeOf(value, now) ?? now) : secondsOf(value))
    }
    for (const child of element.children) this.#noteDates(child, now)
  }
}

/** Operations that draw random bytes: their output is new each time. `parameters` may hold them at any depth. */
function isRandomised(operation: string, parameters: XmlElement | undefined, registered: XmlElement | undefined): boolean {
  const padding = valueBelow(parameters, 'PaddingMethod')
  if (valueBelow(parameters, 'RandomIV') === 'true') return true
  const isAsymmetric = /^(Public|Private)Key$/.test(textOf(childOf(registered, 'ObjectType')) ?? '')
  if (operation === 'Encrypt') return padding === 'OAEP' || (isAsymmetric && padding !== 'None')
  const algorithm = `${valueBelow(parameters, 'DigitalSignatureAlgorithm')} ${valueBelow(registered, 'CryptographicAlgorithm')}`
  return operation === 'Sign' && (padding === 'PSS' || /PSS|DSA|EC/.test(algorithm))
}

/** The value of the first element of this name, wherever it stands; in 1.x attributes lie deep in a Template-Attribute. */
function valueBelow(element: XmlElement | undefined, name: string): string | undefined {
  if (element === undefined) return undefined
  if (element.name === name) return textOf(element)
  for (const child of element.children) {
    const value = valueBelow(child, name)
    if (value !== undefined) return value
  }
  return undefined
}

function withoutItems(message: XmlElement): XmlElement {
  return { ...message, children: message.children.filter((child) => child.name !== 'BatchItem') }
}
