import type { z } from 'zod'

/** What is wrong with the configuration: one sentence per problem, each with the file, the key and the cure. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** The parts of a JSON schema that are looked at here. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode
}

/** Turns what the schema found into sentences. */
export function explain(file: string, source: unknown, issues: readonly z.core.$ZodIssue[], schema: object): readonly string[] {
  return issues.flatMap((issue) => {
    const key = keyText(issue.path)
    const found = issue.path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown> | undefined)?.[part], source)
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(nodeAt(schema as SchemaNode, issue.path)?.properties ?? {})
      return issue.keys.map((name) => `${file}: ${keyText([...issue.path, name])}: unknown key; ${suggestion(name, known)}`)
    }
    return [`${file}: ${key === '' ? '' : `${key}: `}${sentence(issue, found)}`]
  })
}

function sentence(issue: z.core.$ZodIssue, found: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (found === undefined) return 'is missing'
      return `${quote(found)} is not ${typeWords[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `${quote(found)} is not one of ${issue.values.join(', ')}`
    case 'too_small':
      return typeof found === 'number' ? `${found} is too small; the least is ${issue.minimum}` : 'must not be empty'
    case 'too_big':
      return `${quote(found)} is too large; the most is ${issue.maximum}`
    case 'invalid_format':
      return issue.format === 'url' ? `${quote(found)} is not an https:// URL` : `${quote(found)}: ${issue.message}`
    default:
      return issue.message
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a set of keys',
  record: 'a set of keys',
  boolean: 'true or false',
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}

function keyText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`),
    '',
  )
}

function nodeAt(schema: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, part) => {
    if (typeof part === 'number') return node?.items
    const named = node?.properties?.[String(part)]
    return named ?? (typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined)
  }, schema)
}

/** The known name with the fewest letters to change, when it is near; else all of them. */
function suggestion(name: string, known: readonly string[]): string {
  const [nearest] = known
    .map((one) => ({ one, distance: distance(name.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  if (nearest !== undefined && nearest.distance <= Math.max(2, name.length / 3)) return `did you mean ${nearest.one}?`
  return `known here: ${known.join(', ')}`
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
