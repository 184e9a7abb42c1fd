/** What a group of cases needs and a module does not have: its own words in the answer, or undefined where the answer only differs. */
export interface Lacking {
  readonly says: RegExp | undefined
  readonly cases: readonly string[]
}

/** How OASIS's cases come out on a module otherwise than on a software partition. */
export interface OasisOnModule {
  readonly refused: Readonly<Record<string, Lacking>>
  /** Cases that wait on a software partition and pass here. */
  readonly taken: readonly string[]
  /** How many pass at least. */
  readonly passed: number
}

/** A mandatory or optional case of both 1.4 and 2.1. */
export function inBoth(folder: 'mandatory' | 'optional', names: readonly string[]): readonly string[] {
  return [...names.map((name) => `v1.4/${folder}/${name}-14.xml`), ...names.map((name) => `v2.1/${folder}/${name}-21.xml`)]
}

/** TC-DERIVEKEY of both 1.0 and 1.4. */
export function derived(number: number): readonly string[] {
  return ['1.0', '1.4'].map((version) => `v${version}/testcases/TC-DERIVEKEY-${number}-${version.replace('.', '')}.xml`)
}

/** What both SoftHSM and NSS lack, or tokens as such. */
export const refusedByBoth: Readonly<Record<string, Lacking>> = {
  'padding for ECB': { says: /no mechanism AES-ECB with padding PKCS5/, cases: inBoth('mandatory', ['CS-BC-M-8', 'CS-BC-M-9']) },
  'keys derived by an HMAC': { says: /no mechanism DERIVE-HMAC\./, cases: derived(2) },
  'keys derived from a password': {
    says: /no mechanism DERIVE-PBKDF2\./,
    cases: [...[3, 5].flatMap(derived), 'v1.4/testcases/TC-DERIVEKEY-4-14.xml'],
  },
  'nothing: keys in a token have a Protection Storage Mask of Hardware, where the case has Software': {
    says: undefined,
    cases: ['v2.1/mandatory/TL-M-3-21.xml', 'v2.1/optional/AKLC-O-1-21.xml', 'v2.1/optional/SKLC-O-1-21.xml'],
  },
}
