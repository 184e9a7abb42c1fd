import { isAuthenticated, type SymmetricMechanism } from '../cipher-parameters.ts'
import type { Ciphertext } from '../partition.ts'
import type { DeviceStream } from './device-stream.ts'
import { nothing, type TokenStream } from './token-stream.ts'

/** A cipher as the token has begun it. */
export interface CipherParts {
  readonly stream: DeviceStream
  readonly mechanism: SymmetricMechanism
  /** Bytes. */
  readonly block: number
  /** Whether there may be so much data. @throws KmipError InvalidField. */
  readonly check: (length: number) => void
}

/** A cipher without a tag, or encryption with one: each part gives what it completes. */
export function cipherParts({ stream, mechanism, block, check }: CipherParts): TokenStream {
  const inBlocks = mechanism.cipher === 'ECB' || mechanism.cipher === 'CBC'
  const counts = mechanism.cipher === 'CTR' || mechanism.cipher === 'ChaCha20'
  let carried: Uint8Array = nothing
  let length = 0
  const take = (data: Uint8Array, place: 'next' | 'last'): Promise<Uint8Array> => {
    length += data.length
    // A counter that would run over is refused at the part where it does, half a block only at the end.
    if (counts || place === 'last') check(length)
    const all = carried.length === 0 ? data : Buffer.concat([carried, data])
    // NSS takes whole blocks only, SoftHSM holds what is half: so all tokens get whole blocks.
    const now = inBlocks && place === 'next' ? all.length - (all.length % block) : all.length
    carried = Uint8Array.from(all.subarray(now))
    return now === 0 ? Promise.resolve(nothing) : stream.update(all.subarray(0, now), now + room)
  }
  return {
    holdsBack: false,
    update: async (data) => take(data, 'next'),
    async end(data) {
      const last = await take(data, 'last')
      const all = Buffer.concat([last, await stream.end(room)])
      if (!isAuthenticated(mechanism)) return { data: all }
      const tagAt = all.length - mechanism.tagLength
      return { data: all.subarray(0, tagAt), tag: all.subarray(tagAt) }
    },
    close: () => stream.close(),
  }
}

/**
 * Decryption with a tag: no plain text is given before the tag has been verified, and tokens differ in what they hold back themselves. So the
 * ciphertext is collected and decrypted at once at the end; until then it takes no session.
 */
export function openingParts(open: (sealed: Required<Ciphertext>) => Promise<Uint8Array>, tag: Uint8Array): TokenStream {
  const parts: Uint8Array[] = []
  return {
    holdsBack: true,
    async update(data) {
      parts.push(Uint8Array.from(data))
      return nothing
    },
    end: async (data) => ({ data: await open({ data: Buffer.concat([...parts, data]), tag }) }),
    async close() {
      parts.length = 0
    },
  }
}

/** Bytes that a token may give beside those of the part: blocks that it held, a tag. */
const room = 64
