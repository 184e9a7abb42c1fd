import type { KeyType } from '../../src/partitions/index.ts'

/** Known answers of EdDSA (RFC 8032 §7), whose signatures are the same each time. All bytes in hexadecimal. */

interface EddsaVector {
  readonly name: string
  readonly type: KeyType
  /** PKCS #8 and SubjectPublicKeyInfo (RFC 8410). */
  readonly privateKey: string
  readonly publicKey: string
  readonly message: string
  readonly signature: string
}

const forms = {
  Ed25519: {
    type: { algorithm: 'Ed25519', length: 256, curve: 'CURVE25519' },
    pkcs8: '302e020100300506032b657004220420',
    spki: '302a300506032b6570032100',
  },
  Ed448: {
    type: { algorithm: 'Ed448', length: 456, curve: 'CURVE448' },
    pkcs8: '3047020100300506032b6571043b0439',
    spki: '3043300506032b6571033a00',
  },
} as const

const vector = (form: keyof typeof forms, section: string, privateKey: string, publicKey: string, message: string, signature: string) => ({
  name: `${form}, RFC 8032 ${section}`,
  type: forms[form].type,
  privateKey: forms[form].pkcs8 + privateKey,
  publicKey: forms[form].spki + publicKey,
  message,
  signature,
})

export const eddsaVectors: readonly EddsaVector[] = [
  vector(
    'Ed25519',
    '7.1, test 1',
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ),
  vector(
    'Ed448',
    '7.4, blank',
    '6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b',
    '5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180',
    '',
    '533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600',
  ),
  vector(
    'Ed448',
    '7.4, 1 octet',
    'c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e',
    '43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480',
    '03',
    '26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00',
  ),
]
