import { randomBytes } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { Secret } from '../../objects/secret.ts'
import { ckf, ckk, ckm, cko, parameterType } from './constants.ts'
import type { Handle, Mechanism } from './cryptoki.ts'
import { attributes } from './template.ts'
import { type Token, type TokenOptions, withToken } from './token.ts'

/** A root secret under a key that a token keeps, as it lies in its file. */
export interface TokenSealed {
  readonly kind: 'pkcs11'
  /** For people: which token has the key. */
  readonly token: string
  readonly serial: string
  readonly mechanism: 'AES_GCM' | 'AES_KEY_WRAP'
  /** base64; with GCM the IV, ciphertext and tag. */
  readonly sealed: string
}

/**
 * Seals a secret under the sealing key of a token, which is made when there is none: it cannot be read or leave. The token is logged in to, and left.
 * @throws KmipError GeneralFailure saying what the token lacks
 */
export function sealByToken(options: TokenOptions, secret: Secret): Promise<TokenSealed> {
  return withToken(options, async (token) => {
    const key = (await findKey(token)) ?? (await makeKey(token))
    const { token: label = '', serial = '' } = token.details
    const shared = { kind: 'pkcs11', token: label, serial } as const
    if (hasGcm(token)) {
      const iv = randomBytes(ivLength)
      const sealed = await token.encrypt(doing(token), key, gcm(iv), secret.expose(), secret.length + tagLength)
      return { ...shared, mechanism: 'AES_GCM', sealed: Buffer.concat([iv, sealed]).toString('base64') }
    }
    if (((token.flagsOf(ckm.AES_KEY_WRAP) ?? 0) & ckf.WRAP) === 0)
      throw new KmipError('GeneralFailure', `The token ${label} can seal nothing: it has neither AES-GCM nor AES key wrap.`)
    const carried = await token.create(doing(token), attributes({ ...readable, VALUE: Buffer.from(secret.expose()) }))
    const sealed = await token.wrap(doing(token), key, { mechanism: ckm.AES_KEY_WRAP }, carried)
    token.destroy(carried)
    return { ...shared, mechanism: 'AES_KEY_WRAP', sealed: sealed.toString('base64') }
  })
}

/** @throws KmipError GeneralFailure when the token lacks the key, or its key is another. */
export function openByToken(options: TokenOptions, { mechanism, sealed, ...made }: TokenSealed): Promise<Secret> {
  return withToken(options, async (token) => {
    const key = await findKey(token)
    if (key === undefined) throw notSealedHere(token, made, 'it has no sealing key of Tresor')
    const bytes = Buffer.from(sealed, 'base64')
    try {
      if (mechanism === 'AES_GCM') {
        const body = bytes.subarray(ivLength)
        return new Secret(Buffer.from(await token.decrypt(doing(token), key, gcm(bytes.subarray(0, ivLength)), body, body.length)))
      }
      const opened = await token.unwrap(doing(token), key, { mechanism: ckm.AES_KEY_WRAP }, bytes, attributes(readable))
      const value = await token.attribute(opened, 'VALUE')
      token.destroy(opened)
      return new Secret(value)
    } catch (error) {
      throw notSealedHere(token, made, 'its sealing key is another one, or the sealed file was altered', error)
    }
  })
}

function notSealedHere(token: Token, made: { readonly token: string; readonly serial: string }, why: string, cause?: unknown): KmipError {
  return new KmipError(
    'GeneralFailure',
    `The token ${token.details.token} (${token.details.serial}) does not open the root secret: ${why}. It was sealed by ${made.token} (${made.serial}).`,
    { cause },
  )
}

async function findKey(token: Token): Promise<Handle | undefined> {
  const [key] = await token.find({ CLASS: cko.SECRET_KEY, TOKEN: true, LABEL: sealerLabel })
  return key
}

/** Wrapping is allowed only where encryption is not to be had, so that the key has one use. */
function makeKey(token: Token): Promise<Handle> {
  const cipher = hasGcm(token)
  return token.generate(
    doing(token),
    ckm.AES_KEY_GEN,
    attributes({
      CLASS: cko.SECRET_KEY,
      KEY_TYPE: ckk.AES,
      TOKEN: true,
      PRIVATE: true,
      SENSITIVE: true,
      EXTRACTABLE: false,
      MODIFIABLE: false,
      LABEL: sealerLabel,
      VALUE_LEN: 32,
      ENCRYPT: cipher,
      DECRYPT: cipher,
      WRAP: !cipher,
      UNWRAP: !cipher,
    }),
  )
}

function hasGcm(token: Token): boolean {
  return token.names.has('AES-GCM')
}

function gcm(iv: Uint8Array): Mechanism {
  return {
    mechanism: ckm.AES_GCM,
    parameter: {
      type: parameterType.AES_GCM_V240,
      iv: Buffer.from(iv),
      ivBits: 8 * ivLength,
      aad: Buffer.alloc(0),
      tagBits: 8 * tagLength,
    },
  }
}

function doing(token: Token) {
  return { partition: token.name, mechanism: 'the root secret' }
}

const sealerLabel = 'tresor-root-sealer'
/** The secret itself is outside for as long as the node runs; in the token it is a session object. */
const readable = {
  CLASS: cko.SECRET_KEY,
  KEY_TYPE: ckk.GENERIC_SECRET,
  TOKEN: false,
  PRIVATE: true,
  SENSITIVE: false,
  EXTRACTABLE: true,
} as const
const ivLength = 12
const tagLength = 16
