import { type CipherGCMTypes, createCipheriv, createDecipheriv } from 'node:crypto'
import { checkTag } from '../authentication-tag.ts'
import { type AuthenticatedMechanism, isAuthenticated, padded, type SymmetricMechanism } from '../cipher-parameters.ts'
import { checkCipherInParts } from '../in-parts.ts'
import type { StreamEnd, StreamOperation } from '../partition.ts'
import { doesNotDecrypt, prepare, tagDoesNotMatch } from './ciphers.ts'
import { algorithmOf, attempt, type HeldKey } from './held-key.ts'
import type { SoftwareStream } from './software-stream.ts'

type CipherOperation = Extract<StreamOperation, { operation: 'encrypt' | 'decrypt' }>

/** Encryption or decryption in parts. @throws KmipError UnsupportedCryptographicParameters for what works on whole messages (RSA, CCM, XTS); as `encrypt` and `decrypt`. */
export function cipherStream(partition: string, held: HeldKey, operation: CipherOperation): SoftwareStream {
  const { mechanism } = operation
  checkCipherInParts(partition, algorithmOf(held), mechanism)
  if (operation.operation === 'encrypt') {
    return isAuthenticated(mechanism) ? sealing(partition, held, mechanism) : transforming(partition, held, mechanism, createCipheriv)
  }
  return isAuthenticated(mechanism)
    ? opening(partition, held, mechanism, operation.tag)
    : transforming(partition, held, mechanism, createDecipheriv)
}

/** A cipher without a tag: each part gives what it completes. */
function transforming(
  partition: string,
  held: HeldKey,
  mechanism: SymmetricMechanism,
  create: typeof createCipheriv | typeof createDecipheriv,
): SoftwareStream {
  const { cipher: openssl, iv } = prepare(partition, held, mechanism, { length: 0 })
  const cipher = create(openssl, held.key, iv)
  if (!padded(mechanism)) cipher.setAutoPadding(false)
  // A counter that would run over is refused at the part where it does, half a block only at the end.
  const counts = mechanism.cipher === 'CTR' || mechanism.cipher === 'ChaCha20'
  let length = 0
  const take = (data: Uint8Array) => {
    length += data.length
    if (counts) prepare(partition, held, mechanism, { length })
    return cipher.update(data)
  }
  return {
    holdsBack: false,
    update: take,
    end(data) {
      const last = take(data)
      prepare(partition, held, mechanism, { length })
      return { data: Buffer.concat([last, attempt(doesNotDecrypt, () => cipher.final())]) }
    },
  }
}

function sealing(partition: string, held: HeldKey, mechanism: AuthenticatedMechanism): SoftwareStream {
  const { cipher: openssl, iv } = prepare(partition, held, mechanism, { length: 0 })
  const cipher = createCipheriv(openssl as CipherGCMTypes, held.key, iv, { authTagLength: mechanism.tagLength })
  if (mechanism.additionalData.length > 0) cipher.setAAD(mechanism.additionalData)
  return {
    holdsBack: false,
    update: (data) => cipher.update(data),
    end(data): StreamEnd {
      const last = cipher.update(data)
      cipher.final()
      return { data: last, tag: cipher.getAuthTag() }
    },
  }
}

/** The plain text is held until the tag has been verified: before that it may be anybody's (SP 800-38D §7.2). */
function opening(partition: string, held: HeldKey, mechanism: AuthenticatedMechanism, tag: Uint8Array | undefined): SoftwareStream {
  checkTag(mechanism, tag)
  const { cipher: openssl, iv } = prepare(partition, held, mechanism, { length: 0 })
  const decipher = createDecipheriv(openssl as CipherGCMTypes, held.key, iv, { authTagLength: mechanism.tagLength })
  if (mechanism.additionalData.length > 0) decipher.setAAD(mechanism.additionalData)
  decipher.setAuthTag(tag)
  const plain: Buffer[] = []
  return {
    holdsBack: true,
    update(data) {
      plain.push(decipher.update(data))
      return nothing
    },
    end(data) {
      plain.push(decipher.update(data))
      attempt(tagDoesNotMatch, () => decipher.final())
      return { data: Buffer.concat(plain) }
    },
  }
}

const nothing = new Uint8Array()
