import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { fileProblem } from '../../config.ts'
import { type Command, CommandError, flagOption, textOption, UsageError } from '../command.ts'
import { shownPath } from '../place.ts'
import { tokenOf, tokenOptions, tokenUsage } from '../token-options.ts'

/* A ceremony of three steps, on two machines if need be, that carries a partition's own keys from one token to another. No node takes part. */

export const partitionRequestKek: Command = {
  name: 'partition request-kek',
  usage: `FILE ${tokenUsage}`,
  summary: 'Let a token ask for the keys of a partition in another token.',
  details: `The first of three steps that carry a partition's key-encryption keys and integrity key from one token to another, for HSMs that cannot do it
themselves. This token makes a key pair, whose private half never leaves it, and FILE gets the public one. Then, where the token with the
keys is: tresor partition export-kek; and here again: tresor partition import-kek. Each shows a fingerprint: compare them, word by word. A token
that has the partition already gets the keys of the epochs that it lacks.`,
  arity: [1, 1],
  options: tokenOptions,
  async run(invocation) {
    const { requestFingerprint, requestKek } = await import('../../partitions/index.ts')
    refuseExisting(invocation.arguments[0] ?? '')
    const request = await requestKek({ name: 'request', ...(await tokenOf(invocation, `${this.name} ${this.usage}`)) })
    const file = write(invocation.arguments[0] ?? '', requestKind, request)
    invocation.output.step('request', `${shownPath(file)}, of token ${request.token} (${request.serial})`, { file, ...request })
    invocation.output.step('fingerprint', requestFingerprint(request), { fingerprint: requestFingerprint(request) })
  },
}

export const partitionExportKek: Command = {
  name: 'partition export-kek',
  usage: `REQUEST FILE --fingerprint F ${tokenUsage} --so-pin-file FILE`,
  summary: "Wrap a token's own keys for the token that made a request.",
  details: `The second step. The keys are wrapped inside the token, under the public key of the request, into FILE: only the token that made the request
can unwrap them. They leave only if they were made with --kek-may-be-carried, and only under a key that the token's security officer has
marked as trusted: that is what the security officer's PIN is for. The fingerprint is the one that request-kek showed; get it from the person
who ran it, not with the request.`,
  arity: [2, 2],
  options: {
    ...tokenOptions,
    fingerprint: { type: 'string', value: 'F', help: 'of the request, as request-kek showed it' },
    'so-pin-file': { type: 'string', value: 'FILE', help: "holds the security officer's PIN, mode 0600" },
  },
  async run(invocation) {
    const { exportKek, requestFingerprint } = await import('../../partitions/index.ts')
    const { pinOf } = await import('../token-setup.ts')
    const [from = '', to = ''] = invocation.arguments
    const usage = `${this.name} ${this.usage}`
    const request = read(from, requestKind, requestShape)
    const fingerprint = requestFingerprint(request)
    const given = textOption(invocation, 'fingerprint')
    if (given === undefined) throw new UsageError(`--fingerprint F is missing\nusage: tresor ${usage}`)
    if (given !== fingerprint)
      throw new CommandError(`${from} has the fingerprint ${fingerprint}, not the given one: it is another request. Nothing was wrapped`)
    const officer = textOption(invocation, 'so-pin-file')
    if (officer === undefined) throw new UsageError(`--so-pin-file FILE is missing\nusage: tresor ${usage}`)
    const problem = await fileProblem(resolve(officer), 'secret')
    if (problem !== undefined) throw new CommandError(`--so-pin-file: ${problem}`)
    refuseExisting(to)
    const carried = await exportKek({ name: 'export', ...(await tokenOf(invocation, usage)) }, pinOf(resolve(officer)), request)
    const file = write(to, carriedKind, carried)
    const epochs = carried.keks.map(({ epoch }) => epoch)
    invocation.output.step('keys', `${shownPath(file)}, epochs ${epochs.join(', ')}, for token ${request.token} (${request.serial})`, {
      file,
      epochs,
    })
  },
}

export const partitionImportKek: Command = {
  name: 'partition import-kek',
  usage: `FILE ${tokenUsage} [--kek-may-be-carried]`,
  summary: 'Take the keys of a partition into the token that asked for them.',
  details: `The third step. The keys are unwrapped inside the token, compared with what they were in the other one, and stay. They never leave this token
unless it is said here. A node uses this token once its configuration names it: partitions.NAME.token in tresor.yaml.`,
  arity: [1, 1],
  options: { ...tokenOptions, 'kek-may-be-carried': { type: 'boolean', help: 'they may be carried on from this token in the same way' } },
  async run(invocation) {
    const { importKek } = await import('../../partitions/index.ts')
    const [from = ''] = invocation.arguments
    const carried = read(from, carriedKind, carriedShape)
    const token = await tokenOf(invocation, `${this.name} ${this.usage}`)
    await importKek({ name: 'import', ...token }, carried, flagOption(invocation, 'kek-may-be-carried') ? 'carried' : 'stays')
    invocation.output.step('fingerprint', carried.fingerprint, { fingerprint: carried.fingerprint })
    invocation.output.step('keys', `those of token ${carried.from.token} (${carried.from.serial}) are in token ${token.token}`, {
      token: token.token,
    })
    invocation.output.line()
    invocation.output.line(`${shownPath(resolve(from))} is of no more use: delete it.`)
  },
}

const requestKind = 'tresor KEK request'
const carriedKind = 'tresor KEK'
const formatVersion = 1

/** Before a token does anything: a request that cannot be written would end the one before it all the same. */
function refuseExisting(path: string): void {
  if (existsSync(path)) throw new CommandError(`${path} is there already; name a new file`)
}

function write(path: string, kind: string, content: object): string {
  const file = resolve(path)
  writeFileSync(file, `${JSON.stringify({ kind, formatVersion, ...content }, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 })
  return file
}

function read<T>(path: string, kind: string, shape: z.ZodType<T>): T {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new CommandError(`${path} cannot be read as a ${kind}: ${(error as Error).message}`, { cause: error })
  }
  const result = z
    .object({ kind: z.literal(kind), formatVersion: z.literal(formatVersion) })
    .and(shape)
    .safeParse(parsed)
  if (!result.success) throw new CommandError(`${path} is no ${kind} of format ${formatVersion}, or was altered`)
  return result.data
}

const requestShape = z.object({ token: z.string(), serial: z.string(), publicKey: z.base64() })
const carriedShape = z.object({
  from: z.object({ token: z.string(), serial: z.string() }),
  fingerprint: z.string(),
  hash: z.enum(['SHA_256', 'SHA_1']),
  integrityKey: z.base64(),
  keks: z.array(z.object({ epoch: z.int().min(1), wrapped: z.base64() })).min(1),
  check: z.base64(),
})
