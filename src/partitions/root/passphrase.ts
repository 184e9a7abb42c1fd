import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { Secret } from '../../objects/secret.ts'

/** A root secret under a passphrase, as it lies in its file. Binary values are base64. */
export interface PassphraseSealed {
  readonly kind: 'passphrase'
  readonly scrypt: { readonly N: number; readonly r: number; readonly p: number; readonly salt: string }
  /** AES-256-GCM under scrypt's result: IV, ciphertext, tag. */
  readonly sealed: string
}

/** @throws Error when the passphrase is too short to withstand guessing. */
export async function sealByPassphrase(secret: Secret, passphrase: Secret): Promise<PassphraseSealed> {
  if (passphrase.length < shortestPassphrase)
    throw new Error(
      `The passphrase has ${passphrase.length} bytes; at least ${shortestPassphrase} are needed: who has the data folder can try as many as they like. Six random words are good.`,
    )
  const costs = { ...strength, salt: randomBytes(saltLength).toString('base64') }
  const iv = randomBytes(ivLength)
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, costs), iv)
  cipher.setAAD(authenticated)
  const sealed = Buffer.concat([iv, cipher.update(secret.expose()), cipher.final(), cipher.getAuthTag()])
  return { kind: 'passphrase', scrypt: costs, sealed: sealed.toString('base64') }
}

/** @returns undefined when the passphrase is not the one. @throws Error when what is sealed was altered beyond recognition. */
export async function openByPassphrase({ scrypt: costs, sealed }: PassphraseSealed, passphrase: Secret): Promise<Secret | undefined> {
  checkCosts(costs)
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length <= ivLength + tagLength) throw new Error(`the sealed secret has ${bytes.length} bytes`)
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(passphrase, costs), bytes.subarray(0, ivLength))
  decipher.setAAD(authenticated)
  decipher.setAuthTag(bytes.subarray(-tagLength))
  try {
    return new Secret(Buffer.concat([decipher.update(bytes.subarray(ivLength, -tagLength)), decipher.final()]))
  } catch {
    return undefined
  }
}

/** Off the loop: it takes half a second and 128 MiB. */
async function keyOf(passphrase: Secret, { N, r, p, salt }: PassphraseSealed['scrypt']): Promise<Buffer> {
  return await promisify<Uint8Array, Buffer, number, object, Buffer>(scrypt)(passphrase.expose(), Buffer.from(salt, 'base64'), 32, {
    N,
    r,
    p,
    maxmem: 256 * N * r,
  })
}

/** Before anything is allocated: the numbers come from a file. */
function checkCosts({ N, r, p }: PassphraseSealed['scrypt']): void {
  const isPower = Number.isInteger(Math.log2(N))
  if (isPower && N >= strength.N && N <= 2 ** 20 && Number.isInteger(r) && r >= 1 && r <= 16 && Number.isInteger(p) && p >= 1 && p <= 4)
    return
  throw new Error(`scrypt with N ${N}, r ${r} and p ${p} is not used here`)
}

const shortestPassphrase = 12
const strength = { N: 2 ** 17, r: 8, p: 1 } as const
const saltLength = 16
const ivLength = 12
const tagLength = 16
const authenticated = Buffer.from('tresor root secret under a passphrase')
