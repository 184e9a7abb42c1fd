import { z } from 'zod'
import { configFileName, configSchema } from './config.ts'

interface Node {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
}

/** docs/configuration.md, made from the schema. */
export function describeConfig(): string {
  const root = z.toJSONSchema(configSchema, { io: 'input' }) as Node
  return `# Configuration

Tresor reads \`${configFileName}\` in its data folder, or the file named by \`--config\`. It is YAML; every key may be left out unless it is said to be
required. Relative paths are taken from the file's folder. An unknown key, a value out of range or a secret file that others may read stops the start
with a message that names the key and the cure. This page is made from the schema in \`src/config.ts\`.

| key | value | default | meaning |
|---|---|---|---|
${rows(root, '').join('\n')}
`
}

function rows(node: Node, prefix: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = `${prefix}${name}`
    const members =
      typeof child.additionalProperties === 'object' ? rows(child.additionalProperties, `${key}.NAME.`) : rows(child, `${key}.`)
    const required = node.required?.includes(name) === true
    return [
      `| \`${key}\` | ${cell(kind(child))} | ${cell(members.length > 0 ? '' : standard(key, child, required))} | ${cell(child.description ?? '')} |`,
      ...members,
    ]
  })
}

function kind(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(', ')
  if (node.format === 'path') return 'path'
  switch (node.type) {
    case 'integer':
      return node.maximum === undefined || node.maximum === Number.MAX_SAFE_INTEGER
        ? `number, ${node.minimum} or more`
        : `number, ${node.minimum} to ${node.maximum}`
    case 'array':
      return `list of ${node.items === undefined ? 'values' : kind(node.items)}`
    case 'object':
      return 'keys'
    default:
      return 'text'
  }
}

function standard(key: string, node: Node, required: boolean): string {
  if (key === 'workers') return 'cores' // not this machine's number
  if (node.default === undefined) return required ? 'required' : ''
  return Array.isArray(node.default) ? node.default.map(value).join(', ') || 'none' : value(node.default)
}

function value(item: unknown): string {
  if (typeof item === 'object' && item !== null && 'host' in item && 'port' in item) return `\`${item.host}:${item.port}\``
  return `\`${item}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
