import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { clusterPaths, readJson, writeFileWhole } from './cluster-folder.ts'
import { certificateFingerprint, encodeJoinToken } from './join-token.ts'

export interface InviteOptions {
  /** HOST:PORT of this node's join listener, as the joining node reaches it. */
  readonly endpoint: string
  /** How many nodes may join with it; 1 when left out. */
  readonly uses?: number
  /** Minutes until it expires; 60 when left out. */
  readonly minutes?: number
  readonly now?: Date
}

/** Kept in the cluster folder, so that it is still known after a restart. Of the secret only its hash. */
interface Invitation {
  readonly secretHash: string
  readonly expires: string
  readonly uses: number
  /** Who used it: a hash of name and public key, so that a node whose answer was lost may ask again. */
  readonly usedBy: readonly string[]
}

/** Makes a join token and remembers the invitation. */
export async function invite(folder: string, options: InviteOptions): Promise<string> {
  const { tls, invitations: path } = clusterPaths(folder)
  const now = options.now ?? new Date()
  const secret = randomBytes(32)
  const expires = new Date(now.getTime() + (options.minutes ?? 60) * 60_000)
  const living = (await readInvitations(path)).filter((other) => new Date(other.expires) > now)
  await save(path, [...living, { secretHash: hash(secret), expires: expires.toISOString(), uses: options.uses ?? 1, usedBy: [] }])
  const fingerprint = certificateFingerprint(await readFile(tls.ca, 'utf8'))
  return encodeJoinToken({ endpoint: options.endpoint, fingerprint, secret, expires })
}

/**
 * Uses an invitation up. One use belongs to one node: it may repeat its request until the invitation expires.
 * @returns why it is refused, undefined when it is taken.
 */
export async function redeem(folder: string, secret: Uint8Array, who: string, now: Date): Promise<string | undefined> {
  const { invitations: path } = clusterPaths(folder)
  const invitations = await readInvitations(path)
  const secretHash = hash(secret)
  const invitation = invitations.find((candidate) => candidate.secretHash === secretHash)
  if (invitation === undefined) return 'this cluster node gave no such invitation'
  if (new Date(invitation.expires) <= now) return `the invitation expired at ${invitation.expires}`
  const user = hash(Buffer.from(who))
  if (invitation.usedBy.includes(user)) return undefined
  if (invitation.usedBy.length >= invitation.uses) return 'the invitation was used up by another node'
  await save(
    path,
    invitations.map((other) => (other === invitation ? { ...invitation, usedBy: [...invitation.usedBy, user] } : other)),
  )
  return undefined
}

async function readInvitations(path: string): Promise<readonly Invitation[]> {
  return (await readJson<readonly Invitation[]>(path)) ?? []
}

async function save(path: string, invitations: readonly Invitation[]): Promise<void> {
  await writeFileWhole(path, `${JSON.stringify(invitations, undefined, 2)}\n`, 0o600)
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
