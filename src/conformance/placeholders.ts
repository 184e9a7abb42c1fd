import { randomUUID } from 'node:crypto'
import type { XmlElement } from '../ttlv/index.ts'

/** `$NOW`, `$NOW-20`, `$NOW+3600`: seconds from the moment of the step. */
const timePattern = /^\$NOW(?:([+-])(\d+))?$/
const namePattern = /^\$[A-Z][A-Z0-9_]*$/

/** What the placeholders of one case stand for so far (KMIP Profiles 2.1 §4). A binding is the value's text as XML writes it. */
export class Bindings {
  readonly #values = new Map<string, string>()
  /** The last value that the server sent of each element. */
  readonly #lastSent = new Map<string, string>()

  isBound(name: string): boolean {
    return this.#values.has(name)
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  bind(name: string, value: string): void {
    this.#values.set(name, value)
  }

  /** The name may stand for something else from now on. */
  release(name: string): void {
    this.#values.delete(name)
  }

  noteAnswer(element: XmlElement): void {
    const value = element.attributes.get('value')
    if (value !== undefined) this.#lastSent.set(element.name, value)
    for (const child of element.children) this.noteAnswer(child)
  }

  lastSent(elementName: string): string | undefined {
    return this.#lastSent.get(elementName)
  }

  /** A copy to try a match on. */
  copy(): Bindings {
    const copy = new Bindings()
    for (const [name, value] of this.#values) copy.bind(name, value)
    return copy
  }

  adopt(other: Bindings): void {
    for (const [name, value] of other.#values) this.#values.set(name, value)
  }
}

export function isPlaceholder(text: string | undefined): text is string {
  return text !== undefined && (namePattern.test(text) || timePattern.test(text))
}

/** The time that a time placeholder means, in seconds since 1970; undefined for other text. */
export function timeOf(text: string, now: number): number | undefined {
  const match = timePattern.exec(text)
  if (match === null) return undefined
  const offset = Number(match[2] ?? 0)
  return match[1] === '-' ? now - offset : now + offset
}

/**
 * The request with its placeholders replaced. A name that no answer has bound is what the server last sent in an element of that
 * name (some cases print an output as it was once and ask for it back), or else the client's to invent.
 */
export function substitute(element: XmlElement, bindings: Bindings, now: number): XmlElement {
  const value = element.attributes.get('value')
  const attributes = new Map(element.attributes)
  if (isPlaceholder(value)) attributes.set('value', resolve(value, element.name, bindings, now))
  return { ...element, attributes, children: element.children.map((child) => substitute(child, bindings, now)) }
}

function resolve(placeholder: string, elementName: string, bindings: Bindings, now: number): string {
  const time = timeOf(placeholder, now)
  if (time !== undefined) return new Date(time * 1000).toISOString()
  const bound = bindings.get(placeholder)
  if (bound !== undefined) return bound
  const sent = placeholder.includes('_RANDOM') || elementName.endsWith('Identifier') ? undefined : bindings.lastSent(elementName)
  if (sent !== undefined) return sent
  const invented = randomUUID()
  bindings.bind(placeholder, invented)
  return invented
}
