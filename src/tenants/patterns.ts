/**
 * A pattern of a certificate rule: text taken as it is, with the placeholders `{user}`, `{tenant}` and `{any}`. It must match the whole value.
 * A placeholder ends where the character after it first comes, so a value matches in one way only, and matching takes no longer than the value:
 * whoever chooses one part of a name cannot shift the border to the next.
 */
export interface Pattern {
  match(value: string): Readonly<Record<string, string>> | undefined
}

/** Per placeholder: its first character, and the others. */
const placeholders: Readonly<Record<string, readonly [first: string, others: string]>> = {
  user: ['[A-Za-z0-9]', '[A-Za-z0-9._@-]'],
  tenant: ['[a-z0-9]', '[a-z0-9-]'],
  any: ['', '[^/]'],
}

/** Longer values match no rule. */
const longestValue = 1024

/** @throws Error that quotes the pattern and says what is wrong. */
export function pattern(text: string): Pattern {
  const parts = text.split(/\{([^{}]*)\}/)
  const seen = new Set<string>()
  let source = ''
  parts.forEach((part, index) => {
    if (index % 2 === 0) {
      if (/[{}]/.test(part)) throw new Error(`pattern "${text}": a brace is left over`)
      if (part === '' && index > 0 && index < parts.length - 1)
        throw new Error(`pattern "${text}": two placeholders need a text between them`)
      source += literally(part)
      return
    }
    const classes = placeholders[part]
    if (classes === undefined) throw new Error(`pattern "${text}": {${part}} is not one of {user}, {tenant}, {any}`)
    if (seen.has(part)) throw new Error(`pattern "${text}": {${part}} may stand once`)
    seen.add(part)
    const end = literally(parts[index + 1]?.[0] ?? '')
    const [first, others] = classes.map((one) => (one === '' || end === '' ? one : `(?!${end})${one}`))
    source += `(?<${part}>${first}(?:${others})*)`
  })
  const expression = new RegExp(`^${source}$`)
  return { match: (value) => (value.length > longestValue ? undefined : matched(expression.exec(value))) }
}

function matched(found: RegExpExecArray | null): Readonly<Record<string, string>> | undefined {
  return found === null ? undefined : { ...found.groups }
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
