import { createHash, X509Certificate } from 'node:crypto'

/** What a joining node needs to reach the cluster and to know that it is the right one. */
export interface JoinToken {
  /** HOST:PORT of an existing node's join listener. */
  readonly endpoint: string
  /** SHA-256 of the cluster CA's certificate (DER), 32 bytes. */
  readonly fingerprint: Uint8Array
  /** 32 random bytes that the inviting node takes a limited number of times. */
  readonly secret: Uint8Array
  readonly expires: Date
}

/**
 * As one word to copy and paste: base64url of version (1), expiry in seconds (6), fingerprint (32), secret (32), endpoint, and the first 4
 * bytes of a SHA-256 over all before, so that a token copied in part is told from one that is wrong.
 */
export function encodeJoinToken(token: JoinToken): string {
  const head = Buffer.alloc(7)
  head[0] = tokenVersion
  head.writeUIntBE(Math.floor(token.expires.getTime() / 1000), 1, 6)
  const body = Buffer.concat([head, token.fingerprint, token.secret, Buffer.from(token.endpoint)])
  return Buffer.concat([body, checksum(body)]).toString('base64url')
}

/** @throws Error saying what is wrong with the token and what to do. */
export function decodeJoinToken(text: string, now: Date): JoinToken {
  const bytes = Buffer.from(text.trim(), 'base64url')
  const body = bytes.subarray(0, -checksumLength)
  if (bytes.length < minimumLength || !checksum(body).equals(bytes.subarray(-checksumLength))) {
    throw new Error(
      'the join token is incomplete or was altered; copy the whole line that "tresor cluster init" or "tresor cluster invite" printed',
    )
  }
  if (body[0] !== tokenVersion)
    throw new Error(
      `the join token has format ${body[0]}; this Tresor knows format ${tokenVersion}: install the version that the cluster runs`,
    )
  const expires = new Date(body.readUIntBE(1, 6) * 1000)
  if (expires <= now)
    throw new Error(`the join token expired at ${expires.toISOString()}; make a new one on a node of the cluster: tresor cluster invite`)
  return { expires, fingerprint: body.subarray(7, 39), secret: body.subarray(39, 71), endpoint: body.toString('utf8', 71) }
}

/** SHA-256 of a certificate (PEM). */
export function certificateFingerprint(certificate: string): Buffer {
  return createHash('sha256').update(new X509Certificate(certificate).raw).digest()
}

const tokenVersion = 1
const checksumLength = 4
const minimumLength = 71 + 3 + checksumLength

function checksum(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, checksumLength)
}
