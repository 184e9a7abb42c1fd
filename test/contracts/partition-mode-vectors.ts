import type { CipherMechanism, KeyType } from '../../src/partitions/index.ts'

/** Known answers for the modes of AES beside the usual ones, from the standards that define them. All bytes in hexadecimal. */

interface ModeVector {
  readonly name: string
  readonly key: string
  readonly type: KeyType
  readonly mechanism: CipherMechanism
  readonly plain: string
  readonly cipher: string
  readonly tag?: string
}

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const counting = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, index) => (from + index) % 256)).toString('hex')
const aes = (key: string): KeyType => ({ algorithm: 'AES', length: key.length * 4 })

const sp38aKeys = {
  128: '2b7e151628aed2a6abf7158809cf4f3c',
  192: '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
  256: '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
} as const
const sp38aBlocks = '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'

const sp38a = (cipher: 'CFB' | 'OFB', bits: keyof typeof sp38aKeys, section: string, ciphertext: string): ModeVector => ({
  name: `AES-${bits} ${cipher}, SP 800-38A ${section}`,
  key: sp38aKeys[bits],
  type: aes(sp38aKeys[bits]),
  mechanism: { cipher, iv: bytes(counting(0, 16)) },
  plain: sp38aBlocks,
  cipher: ciphertext,
})

/** Modes that take their data in parts. */
export const feedbackVectors: readonly ModeVector[] = [
  sp38a('CFB', 128, 'F.3.13', '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b'),
  sp38a('CFB', 192, 'F.3.15', 'cdc80d6fddf18cab34c25909c99a417467ce7f7f81173621961a2b70171d3d7a'),
  sp38a('CFB', 256, 'F.3.17', 'dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b'),
  sp38a('OFB', 128, 'F.4.1', '3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed825'),
  sp38a('OFB', 192, 'F.4.3', 'cdc80d6fddf18cab34c25909c99a4174fcc28b8d4c63837c09e81700c1100401'),
  sp38a('OFB', 256, 'F.4.5', 'dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d'),
]

const ccm = (
  name: string,
  key: string,
  nonce: string,
  additional: string,
  tagLength: number,
  answer: Pick<ModeVector, 'plain' | 'cipher' | 'tag'>,
) => ({
  name: `AES-128 CCM, ${name}`,
  key,
  type: aes(key),
  mechanism: { cipher: 'CCM', iv: bytes(nonce), additionalData: bytes(additional), tagLength } as const,
  ...answer,
})

const sp38cKey = counting(0x40, 16)

/** Modes that take their data whole: CCM begins with its length, XTS works on a data unit. */
export const wholeVectors: readonly ModeVector[] = [
  ccm('SP 800-38C C.1', sp38cKey, counting(0x10, 7), counting(0, 8), 4, { plain: counting(0x20, 4), cipher: '7162015b', tag: '4dac255d' }),
  ccm('SP 800-38C C.2', sp38cKey, counting(0x10, 8), counting(0, 16), 6, {
    plain: counting(0x20, 16),
    cipher: 'd2a1f0e051ea5f62081a7792073d593d',
    tag: '1fc64fbfaccd',
  }),
  ccm('SP 800-38C C.3', sp38cKey, counting(0x10, 12), counting(0, 20), 8, {
    plain: counting(0x20, 24),
    cipher: 'e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5',
    tag: '484392fbc1b09951',
  }),
  ccm('SP 800-38C C.4', sp38cKey, counting(0x10, 13), counting(0, 256).repeat(256), 14, {
    plain: counting(0x20, 32),
    cipher: '69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72',
    tag: 'b4ac6bec93e8598e7f0dadbcea5b',
  }),
  ccm('RFC 3610 8, vector 1', counting(0xc0, 16), '00000003020100a0a1a2a3a4a5', counting(0, 8), 8, {
    plain: counting(8, 23),
    cipher: '588c979a61c663d2f066d0c2c0f989806d5f6b61dac384',
    tag: '17e8d12cfdf926e0',
  }),
  {
    name: 'AES-128 XTS, IEEE 1619 vector 2',
    key: '11'.repeat(16) + '22'.repeat(16),
    type: { algorithm: 'AES', length: 256 },
    mechanism: { cipher: 'XTS', iv: bytes('33333333330000000000000000000000') },
    plain: '44'.repeat(32),
    cipher: 'c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0',
  },
  {
    name: 'AES-128 XTS, IEEE 1619 vector 15, part of a block',
    key: 'fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0',
    type: { algorithm: 'AES', length: 256 },
    mechanism: { cipher: 'XTS', iv: bytes('9a785634120000000000000000000000') },
    plain: counting(0, 17),
    cipher: '6c1625db4671522d3d7599601de7ca09ed',
  },
  {
    name: 'AES-256 XTS, IEEE 1619 vector 10, its first blocks',
    key:
      '2718281828459045235360287471352662497757247093699959574966967627' +
      '3141592653589793238462643383279502884197169399375105820974944592',
    type: { algorithm: 'AES', length: 512 },
    mechanism: { cipher: 'XTS', iv: bytes('ff000000000000000000000000000000') },
    plain: counting(0, 32),
    cipher: '1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b',
  },
]
