import { randomBytes } from 'node:crypto'
import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import { ivLength, type Parameters, signMechanism, wrapMechanism } from '../../src/operations/mechanisms.ts'

const aes = { algorithm: 'AES', length: 256 } as const
const ed25519 = { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' } as const
const rsa = { algorithm: 'RSA', length: 2048 } as const

for (const [parameters, bytes] of [
  [{ blockCipherMode: 'GCM' }, 12],
  [{ blockCipherMode: 'GCM', ivLength: 96 }, 12],
  [{ blockCipherMode: 'GCM', ivLength: 1024 }, 128],
  [{ blockCipherMode: 'CCM', ivLength: 56 }, 7],
  [{ blockCipherMode: 'CBC', ivLength: 8 }, 16],
  [{ blockCipherMode: 'ECB' }, 0],
] as readonly (readonly [Parameters, number])[])
  test(`the IV that is made for ${JSON.stringify(parameters)} has ${bytes} bytes`, (t) => t.is(ivLength(aes, parameters), bytes))

for (const [title, action, says] of [
  // Of 65,536 such IVs two are the same after some hundred messages; and the longest would be 256 MiB.
  ['a random IV of 16 bits', () => ivLength(aes, { blockCipherMode: 'GCM', ivLength: 16 }), /says 16 bits; .* for GCM has 96 to 1024/],
  ['a random IV of 256 MiB', () => ivLength(aes, { blockCipherMode: 'GCM', ivLength: 2_147_483_640 }), /GCM has 96 to 1024/],
  ['a random IV of 100 bits', () => ivLength(aes, { blockCipherMode: 'GCM', ivLength: 100 }), /a multiple of 8/],
  ['a random nonce of 128 bits for CCM', () => ivLength(aes, { blockCipherMode: 'CCM', ivLength: 128 }), /for CCM has 56 to 104/],
  ['a digest for EdDSA', () => signMechanism(ed25519, {}, randomBytes(64)), /sign the data itself, not a digest/],
  ['wrapping by RSA without padding', () => wrapMechanism(rsa, { paddingMethod: 'None' }, undefined), /RSA without padding does not wrap/],
] as const)
  test(`refused: ${title}`, (t) => t.regex(t.throws(action, { instanceOf: KmipError }).message, says))
