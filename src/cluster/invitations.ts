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
  await change(path, (invitations) => {
    const living = invitations.filter((other) => new Date(other.expires) > now)
    return [...living, { secretHash: hash(secret), expires: expires.toISOString(), uses: options.uses ?? 1, usedBy: [] }]
  })
  const fingerprint = certificateFingerprint(await readFile(tls.ca, 'utf8'))
  return encodeJoinToken({ endpoint: options.endpoint, fingerprint, secret, expires })
}

/**
 * Uses an invitation up. One use belongs to one node: it may repeat its request until the invitation expires.
 * @returns why it is refused, undefined when it is taken.
 */
export async function redeem(folder: string, secret: Uint8Array, who: string, now: Date): Promise<string | undefined> {
  const secretHash = hash(secret)
  const user = hash(Buffer.from(who))
  let refused: string | undefined
  await change(clusterPaths(folder).invitations, (invitations) => {
    const invitation = invitations.find((candidate) => candidate.secretHash === secretHash)
    refused = whyNot(invitation, user, now)
    if (refused !== undefined || invitation!.usedBy.includes(user)) return invitations
    return invitations.map((other) => (other === invitation ? { ...other, usedBy: [...other.usedBy, user] } : other))
  })
  return refused
}

function whyNot(invitation: Invitation | undefined, user: string, now: Date): string | undefined {
  if (invitation === undefined) return 'this cluster node gave no such invitation'
  if (new Date(invitation.expires) <= now) return `the invitation expired at ${invitation.expires}`
  const mayUse = invitation.usedBy.includes(user) || invitation.usedBy.length < invitation.uses
  return mayUse ? undefined : 'the invitation was used up by another node'
}

/** Changes of the file by path: one begins when the last has ended, so that none is lost. */
const underWay = new Map<string, Promise<void>>()

async function change(path: string, to: (invitations: readonly Invitation[]) => readonly Invitation[]): Promise<void> {
  const last = underWay.get(path) ?? Promise.resolve()
  const next = last
    .catch(() => {})
    .then(async () => {
      const before = (await readJson<readonly Invitation[]>(path)) ?? []
      const after = to(before)
      if (after !== before) await writeFileWhole(path, `${JSON.stringify(after, undefined, 2)}\n`, 0o600)
    })
  underWay.set(path, next)
  await next
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
