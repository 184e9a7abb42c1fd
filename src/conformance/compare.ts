import type { XmlElement } from '../ttlv/index.ts'
import {
  attributeBags,
  freeAttributes,
  freeContents,
  freeValues,
  mayComeOrGo,
  mayHaveMore,
  serverChoices,
  serverDates,
  variableOutput,
} from './leniency.ts'
import { type Bindings, isPlaceholder, timeOf } from './placeholders.ts'
import { childOf, textOf } from './test-case.ts'

/** What a comparison must know of the session so far. */
export interface Circumstances {
  readonly bindings: Bindings
  /** When the step ran, in seconds since 1970. */
  readonly now: number
  /** Dates that requests of this case fixed, as seconds. */
  readonly fixedDates: ReadonlySet<number>
  /** Whether the operation's output differs each time. */
  readonly isVariable: boolean
}

/** Seconds that a server's clock and a slow step may add to `$NOW`. */
const clockTolerance = 60

/** The differences that the profiles' rules do not allow, each as `path: what`. Binds the placeholders it meets. */
export function compare(expected: XmlElement, actual: XmlElement, circumstances: Circumstances, path = expected.name): string[] {
  if (typeOf(expected) !== typeOf(actual)) return [`${path}: is ${typeOf(actual)}, expected ${typeOf(expected)}`]
  if (typeOf(expected) !== 'Structure') return compareValue(expected, actual, circumstances, path)
  if (freeContents.has(expected.name) || isFreeAttribute(expected, actual)) return []
  return compareChildren(expected, actual, circumstances, path)
}

function compareChildren(expected: XmlElement, actual: XmlElement, circumstances: Circumstances, path: string): string[] {
  const differences: string[] = []
  const names = new Set([...expected.children, ...actual.children].map((child) => child.name))
  for (const name of names) {
    const wanted = expected.children.filter((child) => child.name === name)
    const found = actual.children.filter((child) => child.name === name)
    differences.push(...compareRun(name, wanted, found, expected.name, circumstances, `${path}/${name}`))
  }
  return differences
}

/** All children of one name: in order, or as a bag where order is free. */
function compareRun(
  name: string,
  wanted: XmlElement[],
  found: XmlElement[],
  parent: string,
  circumstances: Circumstances,
  path: string,
): string[] {
  if (wanted.length === 0) return isWelcome(name, parent, found) ? [] : [`${path}: was not expected${shown(found[0])}`]
  if (found.length === 0) return isDispensable(name, wanted) ? [] : [`${path}: is missing, expected${shown(wanted[0])}`]
  const isBag = mayHaveMore.has(name) || attributeBags.has(parent)
  if (isBag) return compareBag(wanted, found, circumstances, path)
  if (wanted.length !== found.length) return [`${path}: stands ${found.length} times, expected ${wanted.length}`]
  return wanted.flatMap((element, index) =>
    compare(element, found[index] as XmlElement, circumstances, wanted.length > 1 ? `${path}[${index}]` : path),
  )
}

function compareBag(wanted: XmlElement[], found: XmlElement[], circumstances: Circumstances, path: string): string[] {
  const left = [...found]
  return wanted.flatMap((element) => {
    const candidates = left.filter((candidate) => nameOfAttribute(candidate) === nameOfAttribute(element))
    let closest: string[] | undefined
    for (const candidate of candidates) {
      const trial = circumstances.bindings.copy()
      const differences = compare(element, candidate, { ...circumstances, bindings: trial }, labelled(path, element))
      if (differences.length === 0) {
        circumstances.bindings.adopt(trial)
        left.splice(left.indexOf(candidate), 1)
        return []
      }
      if (closest === undefined || differences.length < closest.length) closest = differences
    }
    return closest ?? [`${labelled(path, element)}: is missing${shown(element)}`]
  })
}

function compareValue(expected: XmlElement, actual: XmlElement, circumstances: Circumstances, path: string): string[] {
  const want = textOf(expected) ?? ''
  const got = textOf(actual) ?? ''
  if (isPlaceholder(want)) return comparePlaceholder(want, actual, circumstances, path)
  if (freeValues.has(expected.name)) return []
  if (typeOf(expected) === 'DateTime') return compareDate(want, got, circumstances, path)
  if (circumstances.isVariable && variableOutput.has(expected.name)) return []
  if (serverChoices.has(expected.name) && path.includes('/Digest')) return []
  return canonical(expected, want) === canonical(actual, got) ? [] : [`${path}: is ${cut(got)}, expected ${cut(want)}`]
}

function comparePlaceholder(name: string, actual: XmlElement, { bindings, now }: Circumstances, path: string): string[] {
  const got = textOf(actual) ?? ''
  const time = timeOf(name, now)
  if (time !== undefined) {
    const off = Math.abs(secondsOf(got) - time)
    // A date near the present is the server's own (rule 9); one that a request set by an offset must have kept that offset.
    return off <= clockTolerance ? [] : [`${path}: is ${got}, expected ${name}, which is ${off} s away`]
  }
  const bound = bindings.get(name)
  if (bound === undefined) {
    bindings.bind(name, got)
    return []
  }
  return bound === got ? [] : [`${path}: is ${cut(got)}, expected what ${name} stands for: ${cut(bound)}`]
}

function compareDate(want: string, got: string, { fixedDates }: Circumstances, path: string): string[] {
  const seconds = secondsOf(want)
  if (seconds === secondsOf(got)) return []
  const isServers = [...serverDates].some((name) => path.includes(`/${name}`) || path.includes(`(${name})`))
  return isServers && !fixedDates.has(seconds) ? [] : [`${path}: is ${got}, expected ${want}`]
}

function isWelcome(name: string, parent: string, found: XmlElement[]): boolean {
  if (mayComeOrGo.has(name) || mayHaveMore.has(name) || attributeBags.has(parent)) return true
  return name === 'AttributeIndex' && found.every((element) => textOf(element) === '0')
}

function isDispensable(name: string, wanted: XmlElement[]): boolean {
  if (mayComeOrGo.has(name)) return true
  return name === 'AttributeIndex' && wanted.every((element) => textOf(element) === '0')
}

function isFreeAttribute(expected: XmlElement, actual: XmlElement): boolean {
  const name = textOf(childOf(expected, 'AttributeName'))
  return name !== undefined && freeAttributes.has(name) && textOf(childOf(actual, 'AttributeName')) === name
}

/** In 1.x all attributes have one tag: what tells them apart is their Attribute Name. */
function nameOfAttribute(element: XmlElement): string {
  return element.name === 'Attribute' ? `Attribute ${textOf(childOf(element, 'AttributeName'))}` : element.name
}

function labelled(path: string, element: XmlElement): string {
  const name = textOf(childOf(element, 'AttributeName'))
  return element.name === 'Attribute' && name !== undefined ? `${path}(${name.replaceAll(' ', '')})` : path
}

function typeOf(element: XmlElement): string {
  return element.attributes.get('type') ?? 'Structure'
}

/** One text for all spellings of a value: hex without case, masks without order. */
function canonical(element: XmlElement, text: string): string {
  const type = typeOf(element)
  if (type === 'ByteString' || type === 'BigInteger') return text.toLowerCase()
  if (type === 'Integer') return text.split(/[ |]+/).sort().join(' ')
  return text
}

export function secondsOf(text: string): number {
  return Math.floor(Date.parse(text) / 1000)
}

function shown(element: XmlElement | undefined): string {
  const value = textOf(element)
  return value === undefined ? '' : ` ${cut(value)}`
}

function cut(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}
