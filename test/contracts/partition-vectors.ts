import type { CipherMechanism, HashName, KeyType } from '../../src/partitions/index.ts'

/** Known answers from the standards that define the mechanisms. All bytes in hexadecimal. */

const counting = (length: number) => Buffer.from(Array.from({ length }, (_, index) => index)).toString('hex')
const aes = (key: string): KeyType => ({ algorithm: 'AES', length: key.length * 4 })
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const none = new Uint8Array()

interface CipherVector {
  readonly name: string
  readonly key: string
  readonly type: KeyType
  readonly mechanism: CipherMechanism
  readonly plain: string
  readonly cipher: string
  readonly tag?: string
}

const ecb: CipherMechanism = { cipher: 'ECB', padding: 'None' }
const fips197 = '00112233445566778899aabbccddeeff'
const sunscreen = Buffer.from(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
).toString('hex')
const sp38aKey = '2b7e151628aed2a6abf7158809cf4f3c'
const sp38aBlock = '6bc1bee22e409f96e93d7e117393172a'

export const cipherVectors: readonly CipherVector[] = [
  {
    name: 'AES-128 ECB, FIPS 197 C.1',
    key: counting(16),
    type: aes(counting(16)),
    mechanism: ecb,
    plain: fips197,
    cipher: '69c4e0d86a7b0430d8cdb78070b4c55a',
  },
  {
    name: 'AES-192 ECB, FIPS 197 C.2',
    key: counting(24),
    type: aes(counting(24)),
    mechanism: ecb,
    plain: fips197,
    cipher: 'dda97ca4864cdfe06eaf70a0ec0d7191',
  },
  {
    name: 'AES-256 ECB, FIPS 197 C.3',
    key: counting(32),
    type: aes(counting(32)),
    mechanism: ecb,
    plain: fips197,
    cipher: '8ea2b7ca516745bfeafc49904b496089',
  },
  {
    name: 'AES-128 CBC, SP 800-38A F.2.1',
    key: sp38aKey,
    type: aes(sp38aKey),
    mechanism: { cipher: 'CBC', padding: 'None', iv: bytes(counting(16)) },
    plain: sp38aBlock,
    cipher: '7649abac8119b246cee98e9b12e9197d',
  },
  {
    name: 'AES-128 CTR, SP 800-38A F.5.1',
    key: sp38aKey,
    type: aes(sp38aKey),
    mechanism: { cipher: 'CTR', iv: bytes('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff') },
    plain: sp38aBlock,
    cipher: '874d6191b620e3261bef6864990db6ce',
  },
  {
    name: 'AES-128 GCM, the GCM specification, case 2',
    key: '00'.repeat(16),
    type: aes('00'.repeat(16)),
    mechanism: { cipher: 'GCM', iv: bytes('00'.repeat(12)), additionalData: none, tagLength: 16 },
    plain: '00'.repeat(16),
    cipher: '0388dace60b6a392f328c2b971b2fe78',
    tag: 'ab6e47d42cec13bdf53a67b21257bddf',
  },
  {
    name: '3DES ECB, SP 800-67 B.1',
    key: '0123456789abcdef23456789abcdef01456789abcdef0123',
    type: { algorithm: 'DES3', length: 168 },
    mechanism: ecb,
    plain: Buffer.from('The qufck brown fox jump').toString('hex'),
    cipher: 'a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900',
  },
  {
    name: 'ChaCha20, RFC 8439 2.4.2',
    key: counting(32),
    type: { algorithm: 'ChaCha20', length: 256 },
    mechanism: { cipher: 'ChaCha20', iv: bytes('000000000000004a00000000'), counter: 1 },
    plain: sunscreen,
    cipher:
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d',
  },
  {
    name: 'ChaCha20-Poly1305, RFC 8439 2.8.2',
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    type: { algorithm: 'ChaCha20Poly1305', length: 256 },
    mechanism: {
      cipher: 'ChaCha20-Poly1305',
      iv: bytes('070000004041424344454647'),
      additionalData: bytes('50515253c0c1c2c3c4c5c6c7'),
      tagLength: 16,
    },
    plain: sunscreen,
    cipher:
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116',
    tag: '1ae10b594f09e26a7e902ecbd0600691',
  },
]

interface WrapVector {
  readonly name: string
  readonly wrap: 'AES-KEY-WRAP' | 'AES-KEY-WRAP-PAD'
  readonly wrapping: string
  readonly target: string
  readonly wrapped: string
}

export const wrapVectors: readonly WrapVector[] = [
  {
    name: 'RFC 3394 4.1',
    wrap: 'AES-KEY-WRAP',
    wrapping: counting(16),
    target: fips197,
    wrapped: '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5',
  },
  {
    name: 'RFC 3394 4.3',
    wrap: 'AES-KEY-WRAP',
    wrapping: counting(32),
    target: fips197,
    wrapped: '64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7',
  },
  {
    name: 'RFC 3394 4.6',
    wrap: 'AES-KEY-WRAP',
    wrapping: counting(32),
    target: fips197 + counting(16),
    wrapped: '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
  },
  {
    name: 'RFC 5649 6, 20 bytes',
    wrap: 'AES-KEY-WRAP-PAD',
    wrapping: '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    target: 'c37b7e6492584340bed12207808941155068f738',
    wrapped: '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  },
]

interface MacVector {
  readonly name: string
  readonly hash: HashName
  readonly key: string
  readonly data: string
  readonly mac: string
}

export const hmacVectors: readonly MacVector[] = [
  {
    name: 'HMAC-SHA-256, RFC 4231 4.2, 20 bytes',
    hash: 'SHA_256',
    key: '0b'.repeat(20),
    data: 'Hi There',
    mac: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  },
  {
    name: 'HMAC-SHA-256, RFC 4231 4.7, 131 bytes',
    hash: 'SHA_256',
    key: 'aa'.repeat(131),
    data: 'Test Using Larger Than Block-Size Key - Hash Key First',
    mac: '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  },
  nistSha3('SHA3_224', 144, 'd8b733bcf66c644a12323d564e24dcf3fc75f231f3b67968359100c7'),
  nistSha3('SHA3_256', 136, '68b94e2e538a9be4103bebb5aa016d47961d4d1aa906061313b557f8af2c3faa'),
  nistSha3('SHA3_384', 104, 'a27d24b592e8c8cbf6d4ce6fc5bf62d8fc98bf2d486640d9eb8099e24047837f5f3bffbe92dcce90b4ed5b1e7e44fa90'),
  nistSha3(
    'SHA3_512',
    72,
    '544e257ea2a3e5ea19a590e6a24b724ce6327757723fe2751b75bf007d80f6b360744bf1b7a88ea585f9765b47911976d3191cf83c039f5ffab0d29cc9d9b6da',
  ),
]

/** NIST's example values with a key as long as the hash's block. */
function nistSha3(hash: HashName, block: number, mac: string): MacVector {
  return { name: `HMAC-${hash}, NIST example`, hash, key: counting(block), data: 'Sample message for keylen=blocklen', mac }
}

export const hashVectors: readonly { readonly hash: HashName; readonly digest: string }[] = [
  { hash: 'MD5', digest: '900150983cd24fb0d6963f7d28e17f72' },
  { hash: 'SHA_1', digest: 'a9993e364706816aba3e25717850c26c9cd0d89d' },
  { hash: 'SHA_256', digest: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
  {
    hash: 'SHA_512',
    digest:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  },
  { hash: 'SHA3_256', digest: '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532' },
  { hash: 'RIPEMD_160', digest: '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc' },
]
