import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { StructureValue } from '../../spec/values.ts'
import type { AlgorithmName, CipherMechanism, DeriveMechanism, HashName, MacMechanism, MechanismName, SignMechanism } from './partition.ts'

/** The Cryptographic Parameters that ask for a mechanism, beside the key's algorithm (KMIP 2.1 §4.16). */
export type Asked = Pick<
  StructureValue<'CryptographicParameters'>,
  'blockCipherMode' | 'paddingMethod' | 'digitalSignatureAlgorithm' | 'hashingAlgorithm'
> & { readonly derivationMethod?: EnumerationValue<'DerivationMethod'> }

/** How a software partition has it: OpenSSL's ciphers by the key's length in bytes, its hash or curve; or what else decides. */
export type SoftwareWay =
  | { readonly ciphers: Readonly<Record<number, string>> }
  | { readonly hash: string }
  | { readonly curve: string }
  | 'always'
  | 'with implicit rejection'
  | 'without implicit rejection'

/** How a token has it. */
export interface TokenWay {
  /** CKM_* */
  readonly mechanism: number
  /** CKF_*: what the token must be able to do with it. */
  readonly flag: number
  /** The mechanism that also pads the data, as PKCS #5 does. */
  readonly padded?: number
  /** What builds its parameter, in `pkcs11/mechanism-parameters.ts`; none unless told. */
  readonly parameter?: 'iv' | 'counter' | 'gcm' | 'ccm' | 'nssAead' | 'chacha20' | 'oaep' | 'pss' | 'ecdh' | 'aesData' | 'desData'
  /** CKK_* of the keys that it makes or takes, where that is not the key type of their algorithm. */
  readonly keyType?: number
  /** Bits of the keys that it makes, which the token must allow. */
  readonly bits?: number
  /** What else it needs. */
  readonly also?: { readonly mechanism: number; readonly flag: number }
}

interface Common {
  /** As Query's description of a partition, `partition show` and refusals print it. */
  readonly name: MechanismName
  /** The Cryptographic Algorithms of the keys that it takes or makes; none for a hash. */
  readonly keys: readonly AlgorithmName[]
  readonly kmip: Asked
  readonly software?: SoftwareWay
  /** The first of them that a token has is the one that is used. */
  readonly token?: readonly TokenWay[]
}

/** One mechanism: what it may be asked to do, and all that each side calls it. */
export type MechanismRow = Common &
  (
    | {
        readonly does: 'encrypt'
        readonly cipher: CipherMechanism['cipher']
        /** Bytes of the IV that the server makes; a block of the cipher, or none. */
        readonly iv: 'none' | 'block' | number
      }
    | { readonly does: 'wrap'; readonly wrap: 'AES-KEY-WRAP' | 'AES-KEY-WRAP-PAD' | CipherMechanism['cipher'] }
    | { readonly does: 'sign'; readonly scheme: SignMechanism['scheme']; readonly hash?: HashName }
    | { readonly does: 'mac'; readonly mac: MacMechanism['mac']; readonly hash?: HashName }
    | { readonly does: 'hash'; readonly hash: HashName }
    | { readonly does: 'derive'; readonly derive: DeriveMechanism['derive'] }
    | { readonly does: 'generate' }
  )
