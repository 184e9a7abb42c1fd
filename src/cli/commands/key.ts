import { type Command, flagOption, numberOption, textOption } from '../command.ts'
import { askNode } from '../place.ts'

interface KeySummary {
  readonly id: string
  readonly type: string
  readonly algorithm: string | null
  readonly length: number | null
  readonly state: string
  readonly names: readonly string[]
  readonly created: string | null
}

export const keyList: Command = {
  name: 'key list',
  usage: 'TENANT [--name N] [--destroyed] [--limit N] [--offset N]',
  summary: "List a tenant's objects, the newest first.",
  arity: [1, 1],
  options: {
    name: { type: 'string', value: 'N', help: 'only the object with this Name' },
    destroyed: { type: 'boolean', help: 'destroyed ones too' },
    limit: { type: 'string', value: 'N', help: 'at most so many; 100 unless said, 1000 at most' },
    offset: { type: 'string', value: 'N', help: 'leave out the first N' },
  },
  async run(invocation) {
    const { output } = invocation
    const [tenant] = invocation.arguments
    const offset = numberOption(invocation, 'offset') ?? 0
    const name = textOption(invocation, 'name')
    const { total, keys } = await askNode<{ readonly total: number; readonly keys: readonly KeySummary[] }>(invocation, 'key.list', {
      tenant,
      offset,
      limit: numberOption(invocation, 'limit') ?? 100,
      destroyed: flagOption(invocation, 'destroyed'),
      ...(name === undefined ? {} : { name }),
    })
    output.table(
      ['identifier', 'type', 'algorithm', 'state', 'name', 'created'],
      keys.map(({ id, type, algorithm, length, state, names, created }) => [
        id,
        type,
        [algorithm, length].filter((part) => part !== null).join('-'),
        state,
        names.join(', '),
        created ?? '',
      ]),
      { total, keys },
    )
    if (total === 0) output.line(`Tenant ${tenant} has no such objects.`)
    else if (offset + keys.length < total) output.line(`  ${keys.length} of ${total}; more: --offset ${offset + keys.length}`)
  },
}

export const keyShow: Command = {
  name: 'key show',
  usage: 'TENANT IDENTIFIER',
  summary: 'Show an object: its state and attributes, never its value.',
  arity: [2, 2],
  options: {},
  async run(invocation) {
    const [tenant, id] = invocation.arguments
    const shown = await askNode<
      KeySummary & {
        readonly wrapped: { readonly mechanism: string; readonly epoch: number } | null
        readonly attributes: readonly { readonly name: string; readonly value: unknown }[]
      }
    >(invocation, 'key.show', { tenant, id })
    if (invocation.output.isJson) return invocation.output.json(shown)
    const { wrapped, attributes } = shown
    invocation.output.details({
      identifier: shown.id,
      type: shown.type,
      value: wrapped === null ? 'none' : `wrapped, ${wrapped.mechanism}, epoch ${wrapped.epoch}`,
    })
    invocation.output.line()
    invocation.output.table(
      ['attribute', 'value'],
      attributes.map(({ name, value }) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
      attributes,
    )
  },
}
