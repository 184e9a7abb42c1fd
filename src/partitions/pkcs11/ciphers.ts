import { KmipError } from '../../../spec/kmip-error.ts'
import { cipherName, lacks } from '../mechanisms.ts'
import type { AlgorithmName, CipherMechanism, WrapMechanism } from '../partition.ts'
import { ckm, ckzDataSpecified, parameterType } from './constants.ts'
import type { Mechanism } from './cryptoki.ts'
import { numbersOf } from './mechanisms.ts'

/** A mechanism as the token takes it, and as people know it. */
export interface TokenMechanism {
  readonly name: string
  readonly mechanism: Mechanism
}

const plain: Readonly<Record<string, number>> = {
  'AES-ECB-None': ckm.AES_ECB,
  'AES-CBC-None': ckm.AES_CBC,
  'AES-CBC-PKCS5': ckm.AES_CBC_PAD,
  'DES3-ECB-None': ckm.DES3_ECB,
  'DES3-CBC-None': ckm.DES3_CBC,
  'DES3-CBC-PKCS5': ckm.DES3_CBC_PAD,
}

/** @throws KmipError UnsupportedCryptographicParameters for what has no mechanism in PKCS #11. */
export function tokenCipher(partition: string, algorithm: AlgorithmName, cipher: CipherMechanism): TokenMechanism {
  const name = cipherName(algorithm, cipher)
  switch (cipher.cipher) {
    case 'ECB':
    case 'CBC': {
      const number = plain[`${name}-${cipher.padding}`]
      if (number === undefined) throw lacks(partition, `${name} with padding ${cipher.padding}`)
      return { name, mechanism: { mechanism: number, ...(cipher.cipher === 'CBC' && { parameter: copy(cipher.iv ?? noBytes) }) } }
    }
    case 'CTR': {
      if (algorithm !== 'AES') throw lacks(partition, name)
      return { name, mechanism: { mechanism: ckm.AES_CTR, parameter: counterParameter(cipher.iv, cipher.counterBits ?? 128) } }
    }
    case 'GCM': {
      if (algorithm !== 'AES') throw lacks(partition, name)
      const { iv, additionalData, tagLength } = cipher
      const parameter = {
        type: parameterType.AES_GCM_V240,
        iv: copy(iv),
        ivBits: iv.length * 8,
        aad: copy(additionalData),
        tagBits: tagLength * 8,
      }
      return { name, mechanism: { mechanism: ckm.AES_GCM, parameter } }
    }
    case 'CFB':
    case 'OFB':
    case 'XTS':
    case 'CCM':
    case 'ChaCha20':
    case 'ChaCha20-Poly1305':
      throw lacks(partition, name)
    case 'RSA-OAEP': {
      const hash = numbersOf(cipher.hash)?.digest
      const mgf = numbersOf(cipher.maskHash)?.mgf
      const full = `RSA-OAEP with ${cipher.hash}, mask ${cipher.maskHash}${cipher.label.length > 0 ? ', label' : ''}`
      if (hash === undefined || mgf === undefined) throw lacks(partition, full)
      const label = cipher.label.length > 0 ? { sourceData: copy(cipher.label) } : {}
      return {
        name: full,
        mechanism: {
          mechanism: ckm.RSA_PKCS_OAEP,
          parameter: { type: parameterType.RSA_OAEP, hashAlg: hash, mgf, source: ckzDataSpecified, ...label },
        },
      }
    }
    case 'RSA-PKCS1':
      return { name, mechanism: { mechanism: ckm.RSA_PKCS } }
    case 'RSA-RAW':
      return { name, mechanism: { mechanism: ckm.RSA_X_509 } }
  }
}

/** `padWrap`: the number by which this token knows key wrap with padding. */
export function tokenWrap(partition: string, algorithm: AlgorithmName, wrap: WrapMechanism, padWrap: number): TokenMechanism {
  if (!('wrap' in wrap)) {
    const cipher = tokenCipher(partition, algorithm, wrap)
    return { ...cipher, name: `WRAP-${cipher.name}` }
  }
  if (algorithm !== 'AES') throw lacks(partition, `WRAP-${wrap.wrap}`, `it works with AES keys, not ${algorithm}`)
  return { name: `WRAP-${wrap.wrap}`, mechanism: { mechanism: wrap.wrap === 'AES-KEY-WRAP' ? ckm.AES_KEY_WRAP : padWrap } }
}

const noBytes = Buffer.alloc(0)

function copy(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes)
}

/** CK_AES_CTR_PARAMS, which pkcs11js has no form for: a long for the counter's bits and 16 bytes, in the machine's own layout. */
function counterParameter(iv: Uint8Array, bits: number): Buffer {
  if (iv.length !== 16) throw new KmipError('InvalidField', `AES-CTR takes an IV of 16 bytes, not ${iv.length}.`)
  const parameter = Buffer.alloc(24)
  parameter.writeBigUInt64LE(BigInt(bits), 0)
  parameter.set(iv, 8)
  return parameter
}
