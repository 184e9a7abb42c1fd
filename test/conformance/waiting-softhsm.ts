/** What a group of cases needs and a SoftHSM token does not have: its own words in the answer, or undefined where the answer only differs. */
export interface Lacking {
  readonly says: RegExp | undefined
  readonly cases: readonly string[]
}

const inBoth = (folder: string, names: readonly string[]) => [
  ...names.map((name) => `v1.4/${folder}/${name}-14.xml`),
  ...names.map((name) => `v2.1/${folder}/${name}-21.xml`),
]

const derived = (number: number) =>
  ['1.0', '1.4'].map((version) => `v${version}/testcases/TC-DERIVEKEY-${number}-${version.replace('.', '')}.xml`)

/** The official cases that pass on a software partition and are refused by SoftHSM 2.6. */
export const refusedBySoftHsm: Readonly<Record<string, Lacking>> = {
  'HMAC by a key that is shorter than the hash': {
    says: /HMAC-SHA_256: the device says CKR_KEY_SIZE_RANGE/,
    cases: [...inBoth('mandatory', ['CS-AC-M-4', 'CS-AC-M-5', 'CS-AC-M-6']), 'v1.4/testcases/TC-STREAM-MAC-1-14.xml'],
  },
  'OAEP with SHA-2': {
    says: /no mechanism RSA-OAEP with (SHA_\d+), mask \1: the device says CKR_ARGUMENTS_BAD/,
    cases: inBoth(
      'mandatory',
      [1, 2, 3, 4, 5, 6].map((number) => `CS-AC-M-OAEP-${number}`),
    ),
  },
  'padding for ECB': { says: /no mechanism AES-ECB with padding PKCS5/, cases: inBoth('mandatory', ['CS-BC-M-8', 'CS-BC-M-9']) },
  ChaCha20: { says: /no mechanism ChaCha20\./, cases: [1, 2, 3].map((number) => `v2.1/mandatory/CS-BC-M-CHACHA20-${number}-21.xml`) },
  'keys derived by a hash': { says: /no mechanism DERIVE-HASH-SHA_256\./, cases: derived(1) },
  'keys derived by an HMAC': { says: /no mechanism DERIVE-HMAC\./, cases: derived(2) },
  'keys derived from a password': {
    says: /no mechanism DERIVE-PBKDF2\./,
    cases: [...[3, 5].flatMap(derived), 'v1.4/testcases/TC-DERIVEKEY-4-14.xml'],
  },
  'ChaCha20-Poly1305': { says: /no mechanism ChaCha20-Poly1305\./, cases: ['v2.1/mandatory/CS-BC-M-CHACHA20POLY1305-1-21.xml'] },
  'nothing: keys in a token have a Protection Storage Mask of Hardware, where the case has Software': {
    says: undefined,
    cases: ['v2.1/mandatory/TL-M-3-21.xml', 'v2.1/optional/AKLC-O-1-21.xml', 'v2.1/optional/SKLC-O-1-21.xml'],
  },
}

/** Cases that wait on a software partition and pass on SoftHSM: it signs digests. */
export const takenBySoftHsm: readonly string[] = ['v1.4/testcases/TC-ECDSA-SIGN-DIGESTEDDATA-1-14.xml']
