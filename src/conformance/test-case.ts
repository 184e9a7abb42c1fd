import { parseXml, type XmlElement } from '../ttlv/index.ts'

/** One request of a case and the answer that the case's author expects. */
export interface Step {
  readonly request: XmlElement
  readonly response: XmlElement
}

/** An XML test case as OASIS publishes them: requests and responses in turn, one session of one client. */
export interface TestCase {
  readonly name: string
  readonly steps: readonly Step[]
  /** `1.4`, of the first request. */
  readonly version: string
  /** The names of all operations that its requests use, or that it expects Query to list. */
  readonly operations: ReadonlySet<string>
}

const roomy = { maxBytes: 16 * 1024 * 1024, maxDepth: 64, maxItems: 1_000_000 }

/** @throws Error that names the case when its messages do not alternate. */
export function readTestCase(name: string, text: string): TestCase {
  const messages = parseXml(text, roomy).children
  const steps: Step[] = []
  for (let at = 0; at < messages.length; at += 2) {
    const [request, response] = messages.slice(at, at + 2)
    if (request?.name !== 'RequestMessage' || response?.name !== 'ResponseMessage') {
      throw new Error(
        `${name}: line ${request?.line}: a RequestMessage and its ResponseMessage were expected, here stand ${request?.name} and ${response?.name ?? 'nothing'}`,
      )
    }
    steps.push({ request, response })
  }
  const [first] = steps
  if (first === undefined) throw new Error(`${name}: holds no message`)
  return { name, steps, version: versionOf(first.request), operations: new Set(steps.flatMap(operationsOf)) }
}

export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name)
}

export function textOf(element: XmlElement | undefined): string | undefined {
  return element?.attributes.get('value')
}

/**
 * Cases whose names differ only in their number build on each other: what one made, the next one finds. They share a tenant and run in
 * the order of their numbers. `v1.0/mandatory/TL-M-3-10.xml` belongs to the series `v1.0/mandatory/TL-M`, as its number 3.
 */
export function seriesOf(name: string): { readonly series: string; readonly number: number } {
  const match = /^(.*?)-(\d+)-\d+(?:\.xml)?$/.exec(name)
  return match === null ? { series: name, number: 0 } : { series: match[1] as string, number: Number(match[2]) }
}

/** The Batch Items of a message. */
export function batchItems(message: XmlElement): XmlElement[] {
  return message.children.filter((child) => child.name === 'BatchItem')
}

function operationsOf({ request, response }: Step): string[] {
  const used = batchItems(request).map((item) => textOf(childOf(item, 'Operation')) ?? 'none')
  const listed = batchItems(response).flatMap((item) => childOf(item, 'ResponsePayload')?.children ?? [])
  return [...used, ...listed.filter(({ name }) => name === 'Operation').map((element) => textOf(element) ?? 'none')]
}

function versionOf(request: XmlElement): string {
  const version = childOf(childOf(request, 'RequestHeader'), 'ProtocolVersion')
  return `${textOf(childOf(version, 'ProtocolVersionMajor'))}.${textOf(childOf(version, 'ProtocolVersionMinor'))}`
}
