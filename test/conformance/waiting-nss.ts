import { inBoth, type OasisOnModule, refusedByBoth } from './waiting-token.ts'

/** How OASIS's cases come out on NSS softokn 3.87. */
export const onNss: OasisOnModule = {
  refused: {
    ...refusedByBoth,
    'ChaCha20-Poly1305 with a short tag': {
      says: /no mechanism ChaCha20-Poly1305 with a tag of 12 bytes\./,
      cases: ['v2.1/mandatory/CS-BC-M-CHACHA20POLY1305-1-21.xml'],
    },
    "curves: it takes a curve's private key in only with its public point": {
      says: /no mechanism GENERATE-EC-(P_256|SECP256K1)\./,
      cases: [
        'v1.0/testcases/TC-ECC-1-10.xml',
        'v1.0/testcases/TC-ECC-2-10_ovh-unencrypted.xml',
        ...['ECC-1', 'ECC-3', 'ECDSA-SIGN-1'].map((name) => `v1.4/testcases/TC-${name}-14.xml`),
      ],
    },
    'GCM in parts': {
      says: /no mechanism AES-GCM in parts: its module does it on whole messages only/,
      cases: inBoth('mandatory', ['CS-BC-M-GCM-3']),
    },
  },
  // It gives OAEP's mask another hash than OAEP.
  taken: inBoth(
    'mandatory',
    [7, 8, 9, 10].map((number) => `CS-AC-M-OAEP-${number}`),
  ),
  passed: 210,
}
