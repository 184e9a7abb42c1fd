import { derived, inBoth, type OasisOnModule, refusedByBoth } from './waiting-token.ts'

/** How OASIS's cases come out on SoftHSM 2.6. */
export const onSoftHsm: OasisOnModule = {
  refused: {
    ...refusedByBoth,
    'ChaCha20-Poly1305': { says: /no mechanism ChaCha20-Poly1305\./, cases: ['v2.1/mandatory/CS-BC-M-CHACHA20POLY1305-1-21.xml'] },
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
    ChaCha20: { says: /no mechanism ChaCha20\./, cases: [1, 2, 3].map((number) => `v2.1/mandatory/CS-BC-M-CHACHA20-${number}-21.xml`) },
    'keys derived by a hash': { says: /no mechanism DERIVE-HASH-SHA_256\./, cases: derived(1) },
  },
  // It signs digests.
  taken: ['v1.4/testcases/TC-ECDSA-SIGN-DIGESTEDDATA-1-14.xml'],
  passed: 170,
}
