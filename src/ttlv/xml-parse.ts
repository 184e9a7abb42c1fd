import { type DecodeLimits, deepestNesting, defaultLimits } from './binary-decode.ts'
import { messageText } from './text.ts'
import { TtlvError } from './ttlv-error.ts'

/** An element as it was written: names are not looked up, values not read. */
export interface XmlElement {
  readonly name: string
  /** In the order written. */
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** The line its start tag is on, counted from 1. */
  readonly line: number
}

/**
 * Reads the part of XML 1.0 that KMIP needs: elements, attributes, comments, the XML declaration, the five named entities and
 * character references. Text between elements is passed over. Document types, processing instructions and CDATA are
 * refused, so nothing is ever expanded or fetched.
 *
 * @throws TtlvError that names the line.
 */
export function parseXml(message: string | Uint8Array, limits: DecodeLimits = defaultLimits): XmlElement {
  return new Parser(messageText(message, 'XML', limits.maxBytes), limits).document()
}

interface OpenElement {
  name: string
  attributes: Map<string, string>
  children: OpenElement[]
  line: number
}

const nameAt = /[A-Za-z_][A-Za-z0-9_.:-]*/y
const spaceAt = /[ \t\r\n]*/y
const declarationAt =
  /<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["']1\.\d["'](?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([\w.-]+)["'])?[^?<>]*\?>/y
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

class Parser {
  readonly text: string
  readonly maxDepth: number
  elementsLeft: number
  at = 0
  line = 1
  lineCountedTo = 0

  constructor(text: string, limits: DecodeLimits) {
    this.text = text
    this.maxDepth = Math.min(limits.maxDepth, deepestNesting)
    this.elementsLeft = limits.maxItems
  }

  document(): XmlElement {
    if (this.text.charCodeAt(0) === 0xfeff) this.at = 1
    this.#declaration()
    const open: OpenElement[] = []
    for (;;) {
      this.#textUntilMarkup(open.length > 0)
      if (this.text.startsWith('<!--', this.at)) this.#comment()
      else if (this.text.startsWith('</', this.at)) {
        const closed = this.#endTag(open)
        if (open.length === 0) return this.#nothingMore(closed)
      } else {
        const { element, isEmpty } = this.#startTag()
        open.at(-1)?.children.push(element)
        if (open.length >= this.maxDepth) throw this.#wrong(`${element.name} nests deeper than the limit of ${this.maxDepth}`)
        if (!isEmpty) open.push(element)
        else if (open.length === 0) return this.#nothingMore(element)
      }
    }
  }

  #declaration(): void {
    declarationAt.lastIndex = this.at
    const match = declarationAt.exec(this.text)
    if (match === null) return
    if (match[1] !== undefined && !/^(utf-8|us-ascii)$/i.test(match[1])) throw this.#wrong(`says encoding ${match[1]}, but UTF-8 is read`)
    this.at = declarationAt.lastIndex
  }

  /** Steps to the next `<`. Text is comment inside an element, and not allowed outside. */
  #textUntilMarkup(isInside: boolean): void {
    const next = this.text.indexOf('<', this.at)
    const stop = next === -1 ? this.text.length : next
    if (!isInside && this.text.slice(this.at, stop).trim() !== '') throw this.#wrong('has text outside the one element')
    if (next === -1) throw this.#wrong('ends before its elements do', stop)
    this.at = next
  }

  #comment(): void {
    const end = this.text.indexOf('-->', this.at + 4)
    if (end === -1) throw this.#wrong('has a comment without its end -->')
    this.at = end + 3
  }

  #startTag(): { element: OpenElement; isEmpty: boolean } {
    if (this.text.startsWith('<!', this.at)) throw this.#wrong('has a document type or CDATA, which are not read')
    if (this.text.startsWith('<?', this.at)) throw this.#wrong('has a processing instruction, which is not read')
    if (--this.elementsLeft < 0) throw this.#wrong('has more elements than the limit allows')
    const line = this.#lineOf(this.at)
    this.at++
    const name = this.#name('an element')
    const attributes = new Map<string, string>()
    for (;;) {
      const hadSpace = this.#space()
      if (this.text.startsWith('/>', this.at)) {
        this.at += 2
        return { element: { name, attributes, children: [], line }, isEmpty: true }
      }
      if (this.text[this.at] === '>') {
        this.at++
        return { element: { name, attributes, children: [], line }, isEmpty: false }
      }
      if (!hadSpace) throw this.#wrong(`${name} needs a space, > or /> here`)
      const key = this.#name(`an attribute of ${name}`)
      if (attributes.has(key)) throw this.#wrong(`${name} has the attribute ${key} twice`)
      attributes.set(key, this.#attributeValue(name, key))
    }
  }

  #endTag(open: OpenElement[]): OpenElement {
    const current = open.pop()
    this.at += 2
    const name = this.#name('an end tag')
    if (current === undefined || name !== current.name) {
      throw this.#wrong(`ends ${name}, but ${current === undefined ? 'nothing' : `${current.name} of line ${current.line}`} is open`)
    }
    this.#space()
    if (this.text[this.at] !== '>') throw this.#wrong(`the end tag of ${name} needs a >`)
    this.at++
    return current
  }

  #attributeValue(element: string, key: string): string {
    this.#space()
    if (this.text[this.at] !== '=') throw this.#wrong(`${element} needs = after its attribute ${key}`)
    this.at++
    this.#space()
    const quote = this.text[this.at]
    if (quote !== '"' && quote !== "'") throw this.#wrong(`${element} needs quotes round its attribute ${key}`)
    const from = this.at + 1
    const end = this.text.indexOf(quote, from)
    if (end === -1) throw this.#wrong(`${element} has no end quote for its attribute ${key}`)
    const raw = this.text.slice(from, end)
    if (raw.includes('<')) throw this.#wrong(`${element} has a < in its attribute ${key}; &lt; is right`)
    if (!isXmlText(raw)) throw this.#wrong(`${element} has a control character in its attribute ${key}`)
    const value = raw
      .replace(/\r\n|[\t\n\r]/g, ' ')
      .replace(/&([^;&]{0,10});?/g, (whole, body: string) => this.#entity(whole, body, element))
    this.at = end + 1
    return value
  }

  #entity(whole: string, body: string, element: string): string {
    const named = Object.hasOwn(entities, body) ? entities[body] : undefined
    if (named !== undefined && whole.endsWith(';')) return named
    const reference = /^#(?:(\d{1,7})|x([0-9a-fA-F]{1,6}))$/.exec(body)
    const point =
      reference === null ? Number.NaN : Number.parseInt(reference[1] ?? (reference[2] as string), reference[1] === undefined ? 16 : 10)
    if (whole.endsWith(';') && point <= 0x10ffff) {
      const character = String.fromCodePoint(point)
      if (isXmlText(character)) return character
    }
    throw this.#wrong(`${element} has an & that begins no known entity or character of XML; &amp; stands for itself`)
  }

  #nothingMore(root: OpenElement): XmlElement {
    for (;;) {
      const next = this.text.indexOf('<', this.at)
      if (this.text.slice(this.at, next === -1 ? undefined : next).trim() !== '') throw this.#wrong('has text outside the one element')
      if (next === -1) return root
      this.at = next
      if (!this.text.startsWith('<!--', next)) throw this.#wrong(`goes on after the end of ${root.name}`)
      this.#comment()
    }
  }

  #name(what: string): string {
    nameAt.lastIndex = this.at
    const match = nameAt.exec(this.text)
    if (match === null) throw this.#wrong(`${what} has no name that begins with a letter`)
    this.at = nameAt.lastIndex
    return match[0]
  }

  #space(): boolean {
    spaceAt.lastIndex = this.at
    spaceAt.exec(this.text)
    const moved = spaceAt.lastIndex > this.at
    this.at = spaceAt.lastIndex
    return moved
  }

  #lineOf(position: number): number {
    for (;;) {
      const next = this.text.indexOf('\n', this.lineCountedTo)
      if (next === -1 || next >= position) return this.line
      this.line++
      this.lineCountedTo = next + 1
    }
  }

  #wrong(problem: string, position = this.at): TtlvError {
    return new TtlvError(`XML line ${this.#lineOf(position)}: ${problem}`, position)
  }
}

/** Whether XML 1.0 can carry every character: no control characters but tab and line ends, no lone surrogates, no U+FFFE, U+FFFF. */
export function isXmlText(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x20) {
      if (unit !== 9 && unit !== 10 && unit !== 13) return false
    } else if (unit >= 0xd800) {
      if (unit >= 0xfffe || (unit >= 0xdc00 && unit <= 0xdfff)) return false
      if (unit <= 0xdbff) {
        const next = text.charCodeAt(++index)
        if (!(next >= 0xdc00 && next <= 0xdfff)) return false
      }
    }
  }
  return true
}
