import { createHash, timingSafeEqual } from 'node:crypto'
import { KmipError } from '../../../spec/kmip-error.ts'
import { hashes } from '../hashes.ts'
import { ckf, ckk, ckm, cko, cku, ckzDataSpecified, parameterType } from './constants.ts'
import type { Handle, Mechanism, Template } from './cryptoki.ts'
import { openModule, releaseModule, tokensOf } from './module.ts'
import { fromSpki, toSpki } from './public-key.ts'
import { attributes } from './template.ts'
import { type Token, type TokenOptions, withToken } from './token.ts'
import { type Carrying, carriedTemplate, carryingOf, findKeys } from './token-keks.ts'
import { demandTrustedWrapping } from './trusted-wrapping.ts'

/*
 * A partition's own keys go from one token to another: the one that is to have them makes an RSA pair, whose private key never leaves it; the
 * other wraps the keys under the public key, which its security officer has marked as trusted; and the first takes them in. Plain
 * they are nowhere outside the two.
 */

/** The public key of the token that is to have the keys; SPKI, base64. */
export interface KekRequest {
  readonly token: string
  readonly serial: string
  readonly publicKey: string
}

/** The keys on their way. Binary values are base64. */
export interface CarriedKeys {
  readonly from: { readonly token: string; readonly serial: string }
  /** Of the request that it answers. */
  readonly fingerprint: string
  /** Of RSA-OAEP and its mask. */
  readonly hash: CarryHash
  readonly integrityKey: string
  readonly keks: readonly { readonly epoch: number; readonly wrapped: string }[]
  /** A MAC by the integrity key, over what each KEK makes of a key that is known: whether all arrived as they were. */
  readonly check: string
}

const carryHashes = ['SHA_256', 'SHA_1'] as const
type CarryHash = (typeof carryHashes)[number]

/** What two people compare: they see it on both sides. */
export function requestFingerprint({ publicKey }: Pick<KekRequest, 'publicKey'>): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').match(/.{8}/g)!.join('-')
}

/** In the token that is to have the keys, or those of later epochs: makes the pair, a new one each time. */
export function requestKek(options: TokenOptions): Promise<KekRequest> {
  return withToken(options, async (token) => {
    await clearUnfinished(token)
    for (const old of await receivers(token)) token.destroy(old)
    const doing = { partition: token.name, mechanism: 'making a key to receive others' }
    const pair = await token.generatePair(
      doing,
      ckm.RSA_PKCS_KEY_PAIR_GEN,
      attributes({
        CLASS: cko.PUBLIC_KEY,
        KEY_TYPE: ckk.RSA,
        TOKEN: false,
        WRAP: true,
        MODULUS_BITS: 3072,
        PUBLIC_EXPONENT: Buffer.of(1, 0, 1),
      }),
      attributes({
        ...receiver,
        KEY_TYPE: ckk.RSA,
        PRIVATE: true,
        SENSITIVE: true,
        EXTRACTABLE: false,
        UNWRAP: true,
        DECRYPT: false,
        SIGN: false,
      }),
    )
    const [modulus, exponent] = [await token.attribute(pair.publicKey, 'MODULUS'), await token.attribute(pair.publicKey, 'PUBLIC_EXPONENT')]
    token.destroy(pair.publicKey)
    const { token: label = '', serial = '' } = token.details
    return { token: label, serial, publicKey: toSpki({ family: 'RSA', modulus, exponent }).toString('base64') }
  })
}

/**
 * In the token that has the keys. The security officer's PIN marks the request's key as trusted, for as long as this takes.
 * @throws KmipError when the keys may not leave, or the token does not keep such keys from leaving otherwise
 */
export async function exportKek(options: TokenOptions, officerPin: string, request: KekRequest): Promise<CarriedKeys> {
  await withToken(options, async (token) => {
    // Of an export that was killed: it would be taken for this one's.
    for (const left of await trustedKeys(token)) await token.destroy(left)
    await ownKeys(token)
    if ((await carryingOf(token)) === 'stays')
      throw new KmipError(
        'GeneralFailure',
        `The keys of the token ${token.details.token} never leave it: they were made without --kek-may-be-carried, and that cannot be changed. Its HSM's own backup or group may carry them.`,
      )
    await demandTrustedWrapping(token)
  })
  trust(options, officerPin, request)
  return withToken(options, async (token) => {
    const [trusted] = await trustedKeys(token)
    if (trusted === undefined)
      throw new KmipError('GeneralFailure', `The token ${token.details.token} does not show the key that its security officer trusts.`)
    try {
      const { keks, integrityKey } = await ownKeys(token)
      const { hash, wrapped } = await wrapFirst(token, trusted, integrityKey)
      const carried = await Promise.all(
        [...keks].map(async ([epoch, kek]) => ({
          epoch,
          wrapped: (await token.wrap(carrying(token), trusted, oaep(hash), kek)).toString('base64'),
        })),
      )
      const { token: label = '', serial = '' } = token.details
      return {
        from: { token: label, serial },
        fingerprint: requestFingerprint(request),
        hash,
        integrityKey: wrapped.toString('base64'),
        keks: carried,
        check: (await checkOf(token, integrityKey, keks)).toString('base64'),
      }
    } finally {
      token.destroy(trusted)
    }
  })
}

/**
 * In the token that made the request: takes the keys in; of a partition that it has already, those of the epochs that it lacks.
 * @param asked whether they may be carried on from here; in a token that has keys, those decide
 * @throws KmipError when they were wrapped for another request or partition, or do not arrive as they were; what was there stays, and nothing else.
 */
export function importKek(options: TokenOptions, carried: CarriedKeys, asked: Carrying): Promise<void> {
  return withToken(options, async (token) => {
    await clearUnfinished(token)
    const known = await findKeys(token)
    const may = known.integrityKey === undefined ? asked : await carryingOf(token)
    if (may === 'carried') await demandTrustedWrapping(token)
    const [key, ...more] = await receivers(token)
    if (key === undefined || more.length > 0)
      throw new KmipError('GeneralFailure', `The token ${token.details.token} waits for no keys. Begin with: tresor partition request-kek`)
    const taken: Handle[] = []
    const take = async (wrapped: string, which: number | 'integrity') => {
      const unwrap = (template: Template) =>
        token.unwrap(carrying(token), key, oaep(carried.hash), Buffer.from(wrapped, 'base64'), template)
      const template = carriedTemplate(which, may)
      // SoftHSM takes nothing in that cannot be changed afterwards.
      const object = await unwrap([...template, ...attributes({ MODIFIABLE: false })]).catch(() => unwrap(template))
      taken.push(object)
      return object
    }
    try {
      const keks = new Map<number, Handle>()
      for (const { epoch, wrapped } of carried.keks) keks.set(epoch, known.keks.get(epoch) ?? (await take(wrapped, epoch)))
      const integrityKey = known.integrityKey ?? (await take(carried.integrityKey, 'integrity'))
      if (!timingSafeEqual(await checkOf(token, integrityKey, keks), digestSized(carried.check))) throw new Error('the check differs')
    } catch (error) {
      for (const object of taken) token.destroy(object)
      throw notAsTheyWere(token, error)
    }
    token.destroy(key)
  })
}

function notAsTheyWere(token: Token, cause: unknown): KmipError {
  return new KmipError(
    'CryptographicFailure',
    `The keys did not arrive in the token ${token.details.token} as they were: they are for another request than its last, of another partition than it has, or were altered. Begin anew with: tresor partition request-kek`,
    { cause },
  )
}

function digestSized(check: string): Buffer {
  const bytes = Buffer.alloc(32)
  Buffer.from(check, 'base64').copy(bytes)
  return bytes
}

/** Not every token has OAEP with SHA-256; with SHA-1 it is as good for this. */
async function wrapFirst(token: Token, trusted: Handle, target: Handle): Promise<{ hash: CarryHash; wrapped: Buffer }> {
  const [first, second] = carryHashes
  try {
    return { hash: first, wrapped: await token.wrap(carrying(token), trusted, oaep(first), target) }
  } catch {
    return { hash: second, wrapped: await token.wrap(carrying(token), trusted, oaep(second), target) }
  }
}

function oaep(hash: CarryHash): Mechanism {
  const { digest, mgf } = hashes[hash]!.token
  return { mechanism: ckm.RSA_PKCS_OAEP, parameter: { type: parameterType.RSA_OAEP, hashAlg: digest, mgf: mgf!, source: ckzDataSpecified } }
}

/** What each KEK makes of a key of zeros, under the integrity key. */
async function checkOf(token: Token, integrityKey: Handle, keks: ReadonlyMap<number, Handle>): Promise<Buffer> {
  const zeros = await token.create(
    carrying(token),
    attributes({ CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES, TOKEN: false, SENSITIVE: false, EXTRACTABLE: true, VALUE: Buffer.alloc(32) }),
  )
  const parts: Buffer[] = []
  for (const [epoch, kek] of [...keks].sort(([one], [other]) => one - other))
    parts.push(Buffer.from(`${epoch}|`), await token.wrap(carrying(token), kek, { mechanism: ckm.AES_KEY_WRAP }, zeros))
  token.destroy(zeros)
  return await token.sign(carrying(token), integrityKey, { mechanism: hashes.SHA_256!.token.hmac }, Buffer.concat(parts))
}

/** The one thing that the security officer does: puts the public key into the token as a trusted one. */
function trust({ module, parameters, token: label, serial }: TokenOptions, officerPin: string, request: KekRequest): void {
  const key = fromSpki(Buffer.from(request.publicKey, 'base64'))
  if (key.family !== 'RSA') throw new KmipError('InvalidField', 'The request holds no RSA key; make it with: tresor partition request-kek')
  const library = openModule(module, parameters)
  try {
    const found = tokensOf(library).find((one) => one.initialized && one.label === label && (serial === undefined || one.serial === serial))
    if (found === undefined) throw new KmipError('GeneralFailure', `${module} has no token ${label}.`)
    const session = library.C_OpenSession(found.slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
    try {
      library.C_Login(session, cku.SECURITY_OFFICER, officerPin)
      const form = { CLASS: cko.PUBLIC_KEY, KEY_TYPE: ckk.RSA, TOKEN: true, PRIVATE: false, LABEL: targetLabel, WRAP: true, VERIFY: false }
      library.C_CreateObject(session, attributes({ ...form, TRUSTED: true, MODULUS: key.modulus, PUBLIC_EXPONENT: key.exponent }))
    } catch (error) {
      throw new KmipError(
        'GeneralFailure',
        `The security officer of the token ${label} could not mark the key as trusted: ${error instanceof Error ? error.message : String(error)}.`,
        { cause: error },
      )
    } finally {
      library.C_CloseSession(session)
    }
  } finally {
    releaseModule(module)
  }
}

async function ownKeys(token: Token): Promise<{ readonly keks: ReadonlyMap<number, Handle>; readonly integrityKey: Handle }> {
  const { keks, integrityKey } = await findKeys(token)
  if (integrityKey === undefined || keks.size === 0)
    throw new KmipError('GeneralFailure', `The token ${token.details.token} has no keys of a partition.`)
  return { keks, integrityKey }
}

/** What an import that was killed left is removed: the integrity key comes last, so without it nothing was ever used. */
async function clearUnfinished(token: Token): Promise<void> {
  const { keks, integrityKey } = await findKeys(token)
  if (integrityKey !== undefined || keks.size === 0) return
  if ((await receivers(token)).length === 0)
    throw new KmipError(
      'GeneralFailure',
      `The token ${token.details.token} has a KEK and no integrity key; look at it with the vendor's tool.`,
    )
  for (const kek of keks.values()) token.destroy(kek)
}

function trustedKeys(token: Token): Promise<Handle[]> {
  return token.find({ CLASS: cko.PUBLIC_KEY, TOKEN: true, LABEL: targetLabel })
}

function receivers(token: Token): Promise<Handle[]> {
  return token.find({ CLASS: receiver.CLASS, TOKEN: true, LABEL: receiver.LABEL })
}

function carrying(token: Token) {
  return { partition: token.name, mechanism: "carrying the partition's own keys" }
}

const receiver = { CLASS: cko.PRIVATE_KEY, TOKEN: true, LABEL: 'tresor-kek-receiver' } as const
const targetLabel = 'tresor-kek-target'
