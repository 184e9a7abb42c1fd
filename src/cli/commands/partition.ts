import type { Holding } from '../../tenants/index.ts'
import { type Command, CommandError, flagOption } from '../command.ts'
import { askNode, dataWords } from '../place.ts'
import type { StuckObjects } from '../stuck-objects.ts'
import { tokenOf, tokenOptions, tokenUsage } from '../token-options.ts'

export const partitionAdd: Command = {
  name: 'partition add',
  usage: `NAME ${tokenUsage} [--init] [--so-pin-file FILE] [--kek-may-be-carried]`,
  summary: 'Take a PKCS #11 token as a partition.',
  details: `The module is the HSM vendor's library; the token is found by its label. Its key-encryption key and integrity key are made in it, unless
they are there already. Unless those may be carried to other tokens, the token's serial number is part of the definition: a node of a cluster that has another
token of the label does not take it for this one, and says so; one that reaches a vendor's replica with a number of its own is told that number in its
tresor.yaml (partitions.NAME.serial). With --init a blank token is initialized first, never one that has a label. The PIN is read from the file by the
node's hsm process alone; the file must be its owner's alone (chmod 600). For a trial with SoftHSM:
  umask 077; echo 123456 > pin
  tresor partition add bank --module /usr/lib/softhsm/libsofthsm2.so --token bank --pin-file pin --init
  tresor tenant add bank --partition bank`,
  arity: [1, 1],
  options: {
    ...tokenOptions,
    init: { type: 'boolean', help: 'initialize a blank token with this label and PIN' },
    'so-pin-file': {
      type: 'string',
      value: 'FILE',
      help: "with --init: holds the security officer's PIN; without it one is made and kept in the data folder",
    },
    'kek-may-be-carried': {
      type: 'boolean',
      help: 'the keys made here may be carried to another token: partition request-kek',
    },
  },
  async run(invocation) {
    const { initToken } = await import('../../partitions/index.ts')
    const { partitionName } = await import('../../tenants/names.ts')
    const { makeKeys, officerPin, pinOf } = await import('../token-setup.ts')
    const { output } = invocation
    // A token is not initialized for a name that is refused afterwards.
    const name = partitionName(invocation.arguments[0] ?? '')
    const definition = await tokenOf(invocation, `${this.name} ${this.usage}`)
    const { module, parameters, token, pinFile } = definition
    const known = await askNode<readonly { readonly partition: string }[]>(invocation, 'partition.list')
    if (known.some(({ partition }) => partition === name)) throw new CommandError(`partition ${name} exists already`)
    if (flagOption(invocation, 'init')) {
      const { serial } = initToken({ module, parameters, label: token, pin: pinOf(pinFile), soPin: await officerPin(invocation, name) })
      output.step('token', `${token} initialized, serial ${serial}`, { token, serial })
    }
    const { made, serial } = await makeKeys(name, definition, flagOption(invocation, 'kek-may-be-carried') ? 'carried' : 'stays')
    output.step('keys', made ? 'key-encryption key and integrity key made in the token, epoch 1' : 'those that the token has already', {
      made,
    })
    const added = await askNode<Record<string, unknown>>(invocation, 'partition.add', {
      partition: name,
      ...(serial !== undefined && { serial }),
      ...definition,
    })
    output.step('partition', `${name}, token ${token}${serial === undefined ? '' : `, serial ${serial}`}`, added)
    output.line()
    output.line(`Next: npx tresor ${dataWords(invocation)}tenant add NAME --partition ${name}`)
  },
}

interface PartitionSummary {
  readonly partition: string
  readonly kind: string
  readonly token?: string
  readonly tenants: readonly string[]
}

export const partitionList: Command = {
  name: 'partition list',
  usage: '',
  summary: 'List the partitions and whose keys they hold.',
  arity: [0, 0],
  options: {},
  async run(invocation) {
    const partitions = await askNode<readonly PartitionSummary[]>(invocation, 'partition.list')
    invocation.output.table(
      ['partition', 'kind', 'token', 'tenants'],
      partitions.map(({ partition, kind, token, tenants }) => [partition, kind, token ?? '', tenants.join(', ')]),
      { partitions },
    )
    if (partitions.length === 0) invocation.output.line('There are no partitions yet; tenant add makes one for its tenant.')
  },
}

export const partitionShow: Command = {
  name: 'partition show',
  usage: 'NAME',
  summary: 'Open a partition and show its device, epoch, mechanisms, and what it protects against.',
  details: `Shown as it is on this node, where "root secret" says how this node has it; in a cluster every node is listed with how it has the partition. What
is said of the token was tried, not read from its manual.`,
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [partition] = invocation.arguments
    const shown = await askNode<
      PartitionSummary & {
        readonly epoch: number
        readonly turn: { readonly phase: string; readonly to: number; readonly problem?: string; readonly stuck: StuckObjects } | null
        readonly residentKeys: number | null
        readonly tripleDes: readonly string[]
        readonly details: Readonly<Record<string, string>>
        readonly keysLie: string
        readonly protects: readonly string[]
        readonly nodes?: readonly ({ readonly node: string } & Holding)[]
        readonly mechanisms: readonly string[]
        readonly pinFile?: string
      }
    >(invocation, 'partition.show', { partition })
    if (invocation.output.isJson) return invocation.output.json(shown)
    const { kind, tenants, epoch, turn, residentKeys, tripleDes, keysLie, protects, nodes = [], mechanisms, pinFile } = shown
    const { epochs, ...details } = shown.details
    invocation.output.details({
      partition: shown.partition,
      kind,
      tenants,
      epoch: epochs === undefined || epochs === String(epoch) ? epoch : `${epoch}, and here are the keys of epochs ${epochs}`,
      ...(turn === null
        ? {}
        : { 'epoch turn': `${turn.phase}, to epoch ${turn.to}${turn.problem === undefined ? '' : `, and waits: ${turn.problem}`}` }),
      ...(residentKeys === null ? {} : { 'resident keys': residentKeys }),
      ...(mechanisms.some((name) => name.includes('DES3')) ? { '3DES': tripleDesWords(tripleDes) } : {}),
      ...details,
      ...(pinFile === undefined ? {} : { 'PIN file': pinFile }),
    })
    invocation.output.line()
    for (const sentence of [`Its own keys lie ${keysLie}.`, ...protects.map((one) => `- ${one}`)]) invocation.output.line(`  ${sentence}`)
    invocation.output.line()
    invocation.output.table(
      ['node', 'has it by'],
      nodes.map(({ node, ...holding }) => [node, holdingText(holding)]),
      nodes,
    )
    if (nodes.length > 0) invocation.output.line()
    invocation.output.table(['mechanism', 'of'], families(mechanisms), mechanisms)
  },
}

function tripleDesWords(allowing: readonly string[]): string {
  const who = allowing.length === 0 ? 'of which there is none here' : `here ${allowing.join(', ')}`
  return `for tenants alone that allow it, ${who} (tresor tenant set NAME --3des allow)`
}

function holdingText({ token, serial, epochs, root, problem }: Holding): string {
  if (problem !== undefined) return `not now: ${problem}`
  if (token === undefined) return root ?? ''
  return epochs === undefined ? `token ${token} (${serial})` : `token ${token} (${serial}), with the KEK of epoch ${epochs}`
}

/** Mechanisms by their first word, in lines that fit a terminal. */
function families(mechanisms: readonly string[]): [string, string][] {
  const byFamily = new Map<string, string[]>()
  for (const name of [...mechanisms].sort()) {
    const [family = name, ...rest] = name.split('-')
    byFamily.set(family, [...(byFamily.get(family) ?? []), ...(rest.length > 0 ? [rest.join('-')] : [])])
  }
  return [...byFamily].flatMap(([family, members]) =>
    wrapped(members).map((line, index): [string, string] => [index === 0 ? family : '', line]),
  )
}

function wrapped(words: readonly string[]): string[] {
  const lines = ['']
  for (const word of words) {
    const last = lines.at(-1) ?? ''
    if (last.length + word.length > lineWidth) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`.trimStart()
  }
  return lines
}

const lineWidth = 90

export const partitionRemove: Command = {
  name: 'partition remove',
  usage: 'NAME',
  summary: 'Forget a partition that holds no tenant; its token stays as it is.',
  details: `The epoch secrets of a software partition are destroyed, on every node of a cluster (one that is off does it when it is back): from then on no copy
of the store opens its keys. Copies of the folder epoch-secrets that lie elsewhere, as in backups, are yours to destroy.`,
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [partition] = invocation.arguments
    const { kind } = await askNode<{ readonly kind: string }>(invocation, 'partition.remove', { partition })
    const { output } = invocation
    output.step('removed', `partition ${partition}`, { partition })
    if (kind !== 'software') return
    output.line()
    output.line(
      'Its epoch secrets are destroyed, on other nodes within seconds, on one that is off when it is back. Destroy those in backups.',
    )
  },
}
