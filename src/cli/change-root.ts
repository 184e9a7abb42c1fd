import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse, parseDocument } from 'yaml'
import { syncFolder, writeWhole } from '../../certs/files.ts'
import { type Config, configFileName, fileProblem } from '../config.ts'
import { type RootConfig, resolveRoot, rootFiles, rootProblem, rootSchema } from '../config-root.ts'
import { rootSource } from '../configured-root.ts'
import { type DataFolder, dataFolder } from '../node-files.ts'
import type { Secret } from '../objects/secret.ts'
import {
  changeRoot,
  createRoot,
  credentialName,
  describeRoot,
  EpochSecretFiles,
  hasRoot,
  type RootSource,
  readRoot,
} from '../partitions/index.ts'
import { openEmbeddedLedger, systemSpace, tenantSpace } from '../store/index.ts'
import { epochSecretsOf, Registry } from '../tenants/index.ts'
import { askPassphrase } from './ask-passphrase.ts'
import { CommandError, type Invocation, UsageError } from './command.ts'
import { configOf, shownPath } from './place.ts'
import { refuseSecond } from './run-node.ts'

/** What a change that was begun is about: the sections `root` as they stand in the file. */
interface Change {
  readonly formatVersion: 1
  readonly from: RootConfig
  readonly to: RootConfig
}

/**
 * Changes where a stopped node's root secret comes from. It may be killed at any point and is run again then: the new secret is put where it
 * shall lie; all rings are sealed under it by one commit; the configuration says so; what held the old one goes. A node does not start meanwhile.
 */
export async function changeRootSecret(invocation: Invocation): Promise<void> {
  const config = await configOf(invocation)
  const folder = dataFolder(config)
  const file = config.file ?? join(config.data, configFileName)
  await refuseSecond(config.data)
  const absolute = (root: RootConfig) => resolveRoot(root, (path) => resolve(dirname(file), path))
  const begun = readChange(folder)
  const change = begun ?? (await begin(invocation, file))
  const old = rootSource({ root: absolute(change.from) }, folder, askPassphrase)
  const next = rootSource({ root: absolute(change.to) }, { ...folder, sealedRoot: nextSealed(folder) }, askPassphrase)
  // Its last steps were to come: the sealed file has its name already.
  const isNamed = begun !== undefined && 'sealed' in next && !existsSync(next.sealed) && isWritten(file, change)
  const { output } = invocation
  if (!isNamed) {
    if (begun === undefined) refuseOverwriting(old, next)
    await writeWhole(folder.rootChange, `${JSON.stringify(change)}\n`, 0o600)
    const secret = await placed(config, folder, old, next, begun === undefined)
    if (config.cluster === undefined) output.step('partitions', `${await sealAnew(folder, secret, old)} sealed under the new root secret`)
    secret.wipe()
    await writeSection(file, change.to)
    if ('sealed' in next) renameSync(next.sealed, folder.sealedRoot)
    await syncFolder(folder.root)
  }
  forget(old, next, folder)
  rmSync(folder.rootChange)
  await syncFolder(folder.root)
  output.step('root', describeRoot({ ...next, ...('sealed' in next && { sealed: folder.sealedRoot }) } as RootSource), { kind: next.kind })
}

function nextSealed({ sealedRoot }: DataFolder): string {
  return `${sealedRoot}.next`
}

function readChange({ rootChange }: DataFolder): Change | undefined {
  return existsSync(rootChange) ? (JSON.parse(readFileSync(rootChange, 'utf8')) as Change) : undefined
}

async function begin({ arguments: [section] }: Invocation, file: string): Promise<Change> {
  if (section === undefined)
    throw new UsageError('SECTION is missing: no change of the root secret was begun here\nusage: tresor root change SECTION')
  let given: unknown
  try {
    given = parse(section)
  } catch (error) {
    throw new UsageError(`SECTION is not YAML: ${(error as Error).message}`)
  }
  const parsed = rootSchema.safeParse(given)
  if (!parsed.success)
    throw new UsageError(
      `SECTION is no section root: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')}`,
    )
  const to = parsed.data
  if (Object.keys(to).length === 0)
    throw new UsageError('SECTION names no source: keyFile, passphraseFile, askPassphrase, command or pkcs11')
  const problem = rootProblem(to)
  if (problem !== undefined) throw new UsageError(`SECTION ${problem}`)
  for (const [key, path, kind] of rootFiles(resolveRoot(to, (path) => resolve(dirname(file), path)))) {
    const what = path === undefined ? undefined : await fileProblem(path, kind)
    if (what !== undefined) throw new CommandError(`${key}: ${what}`)
  }
  const from = sectionOf(file)
  // Who keeps the place would have to write over the old secret before the new one is used.
  if (isDeepStrictEqual(from, to)) throw new CommandError('that is what the section root says already; name another file, command or token')
  return { formatVersion: 1, from, to }
}

/** @throws CommandError when the new secret would lie where the old one does */
function refuseOverwriting(old: RootSource, next: RootSource): void {
  if (next.kind !== 'keyFile' || credentialName(next.path) !== undefined || !existsSync(next.path)) return
  const what = old.kind === 'keyFile' && old.path === next.path ? 'is the key file in use' : 'is there already'
  throw new CommandError(`${shownPath(next.path)} ${what}; name a new file`)
}

/** The new secret where it shall lie. What cannot be put there leaves nothing behind. */
async function placed(config: Config, folder: DataFolder, old: RootSource, next: RootSource, isFirst: boolean): Promise<Secret> {
  try {
    if (!isFirst && next.kind !== 'command' && hasRoot(next)) return await readRoot(next)
    const kept = config.cluster !== undefined && hasRoot(old) ? await readRoot(old) : undefined
    return await createRoot(next, kept)
  } catch (error) {
    if (isFirst) rmSync(folder.rootChange, { force: true })
    throw error
  }
}

/** @returns how many software partitions there are */
async function sealAnew(folder: DataFolder, secret: Secret, old: RootSource): Promise<number> {
  const { ledger, replica } = openEmbeddedLedger({ directory: folder.store })
  let before: Secret | undefined
  try {
    const { settings } = new Registry({ ledger, replica, systemSpace, spaceOf: tenantSpace, now: () => new Date() })
    const files = new EpochSecretFiles(folder.epochSecrets)
    const view = settings.view()
    const changes = []
    for (const [id, { value, revision }] of view.partitions) {
      if (value.kind !== 'software') continue
      const options = { name: id, ring: Buffer.from(value.ring, 'base64'), epochSecretOf: epochSecretsOf(files, value) }
      const ring = await changeRoot(options, secret, async () => (before ??= await readRoot(old)))
      changes.push({ kind: 'partition', id, value: { ...value, ring: Buffer.from(ring).toString('base64') }, revision } as const)
    }
    if (changes.length > 0 && (await settings.commit(view, changes)) !== 'committed')
      throw new CommandError('the store was changed by another process meanwhile; run it again')
    return changes.length
  } finally {
    before?.wipe()
    await ledger.close()
  }
}

function sectionOf(file: string): RootConfig {
  const document = existsSync(file) ? (parse(readFileSync(file, 'utf8')) as { readonly root?: RootConfig } | null) : null
  return document?.root ?? {}
}

function isWritten(file: string, { to }: Change): boolean {
  return isDeepStrictEqual(sectionOf(file), to)
}

async function writeSection(file: string, root: RootConfig): Promise<void> {
  const document = parseDocument(existsSync(file) ? readFileSync(file, 'utf8') : '')
  document.set('root', document.createNode(root))
  await writeWhole(file, document.toString({ flowCollectionPadding: false }), 0o600)
}

/** What held the old secret, if nothing else needs it: written over, as far as a program can do that, and removed. */
function forget(old: RootSource, next: RootSource, { sealedRoot }: DataFolder): void {
  const path =
    old.kind === 'keyFile' && credentialName(old.path) === undefined
      ? old.path
      : 'sealed' in old && !('sealed' in next)
        ? sealedRoot
        : undefined
  if (path === undefined || !existsSync(path) || (next.kind === 'keyFile' && next.path === path)) return
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(statSync(path).size))
  fsyncSync(file)
  closeSync(file)
  rmSync(path)
}
