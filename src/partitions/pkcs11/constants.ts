/** PKCS #11 v2.40 and v3.0 numbers, those that Tresor uses. pkcs11js has most of them, but it is optional and some are missing there. */
export const ckm = {
  RSA_PKCS_KEY_PAIR_GEN: 0x0,
  RSA_PKCS: 0x1,
  RSA_X_509: 0x3,
  RSA_PKCS_OAEP: 0x9,
  RSA_PKCS_PSS: 0xd,
  DES2_KEY_GEN: 0x130,
  DES3_KEY_GEN: 0x131,
  DES3_ECB: 0x132,
  DES3_CBC: 0x133,
  DES3_CBC_PAD: 0x136,
  GENERIC_SECRET_KEY_GEN: 0x350,
  EC_KEY_PAIR_GEN: 0x1040,
  ECDSA: 0x1041,
  EC_EDWARDS_KEY_PAIR_GEN: 0x1055,
  EDDSA: 0x1057,
  AES_KEY_GEN: 0x1080,
  AES_ECB: 0x1081,
  AES_CBC: 0x1082,
  AES_CBC_PAD: 0x1085,
  AES_CTR: 0x1086,
  AES_GCM: 0x1087,
  AES_CMAC: 0x108a,
  AES_KEY_WRAP: 0x2109,
  AES_KEY_WRAP_PAD: 0x210a,
  AES_KEY_WRAP_KWP: 0x210b,
} as const

export const cka = {
  CLASS: 0x0,
  TOKEN: 0x1,
  PRIVATE: 0x2,
  LABEL: 0x3,
  VALUE: 0x11,
  KEY_TYPE: 0x100,
  SENSITIVE: 0x103,
  ENCRYPT: 0x104,
  DECRYPT: 0x105,
  WRAP: 0x106,
  UNWRAP: 0x107,
  SIGN: 0x108,
  VERIFY: 0x10a,
  DERIVE: 0x10c,
  MODULUS: 0x120,
  MODULUS_BITS: 0x121,
  PUBLIC_EXPONENT: 0x122,
  VALUE_LEN: 0x161,
  EXTRACTABLE: 0x162,
  MODIFIABLE: 0x170,
  EC_PARAMS: 0x180,
  EC_POINT: 0x181,
} as const

export const cko = { PUBLIC_KEY: 2, PRIVATE_KEY: 3, SECRET_KEY: 4 } as const

export const ckk = { RSA: 0x0, EC: 0x3, GENERIC_SECRET: 0x10, DES2: 0x14, DES3: 0x15, AES: 0x1f, EC_EDWARDS: 0x40 } as const

export const ckf = {
  ENCRYPT: 0x100,
  DECRYPT: 0x200,
  DIGEST: 0x400,
  SIGN: 0x800,
  GENERATE: 0x8000,
  GENERATE_KEY_PAIR: 0x10000,
  WRAP: 0x20000,
  RW_SESSION: 0x2,
  SERIAL_SESSION: 0x4,
  OS_LOCKING_OK: 0x2,
  TOKEN_INITIALIZED: 0x400,
  LOGIN_REQUIRED: 0x4,
} as const

/** User types of C_Login. */
export const cku = { SECURITY_OFFICER: 0, USER: 1 } as const

/** pkcs11js's own numbers for the parameter structures that it builds. */
export const parameterType = { RSA_OAEP: 4, RSA_PSS: 5, AES_GCM_V240: 7 } as const

/** Source of an OAEP label: CKZ_DATA_SPECIFIED. */
export const ckzDataSpecified = 1

export const ckr = {
  OK: 0x0,
  SLOT_ID_INVALID: 0x3,
  GENERAL_ERROR: 0x5,
  ARGUMENTS_BAD: 0x7,
  ATTRIBUTE_VALUE_INVALID: 0x13,
  DATA_INVALID: 0x20,
  DATA_LEN_RANGE: 0x21,
  DEVICE_ERROR: 0x30,
  DEVICE_MEMORY: 0x31,
  DEVICE_REMOVED: 0x32,
  ENCRYPTED_DATA_INVALID: 0x40,
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  KEY_HANDLE_INVALID: 0x60,
  KEY_SIZE_RANGE: 0x62,
  KEY_TYPE_INCONSISTENT: 0x63,
  KEY_NOT_WRAPPABLE: 0x69,
  MECHANISM_INVALID: 0x70,
  MECHANISM_PARAM_INVALID: 0x71,
  OBJECT_HANDLE_INVALID: 0x82,
  PIN_INCORRECT: 0xa0,
  PIN_INVALID: 0xa1,
  PIN_LEN_RANGE: 0xa2,
  PIN_EXPIRED: 0xa3,
  PIN_LOCKED: 0xa4,
  SESSION_CLOSED: 0xb0,
  SESSION_HANDLE_INVALID: 0xb3,
  SIGNATURE_INVALID: 0xc0,
  SIGNATURE_LEN_RANGE: 0xc1,
  TEMPLATE_INCONSISTENT: 0xd1,
  TOKEN_NOT_PRESENT: 0xe0,
  TOKEN_NOT_RECOGNIZED: 0xe1,
  UNWRAPPING_KEY_HANDLE_INVALID: 0xf0,
  USER_ALREADY_LOGGED_IN: 0x100,
  USER_NOT_LOGGED_IN: 0x101,
  WRAPPING_KEY_HANDLE_INVALID: 0x113,
  CURVE_NOT_SUPPORTED: 0x140,
  CRYPTOKI_NOT_INITIALIZED: 0x190,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
  AEAD_DECRYPT_FAILED: 0x42,
} as const

/** Hash functions: the digest, its HMAC, and the mask generator over it (CKG_MGF1_*). */
export const hashNumbers = {
  MD5: { digest: 0x210, hmac: 0x211, mgf: undefined },
  SHA_1: { digest: 0x220, hmac: 0x221, mgf: 1 },
  SHA_224: { digest: 0x255, hmac: 0x256, mgf: 5 },
  SHA_256: { digest: 0x250, hmac: 0x251, mgf: 2 },
  SHA_384: { digest: 0x260, hmac: 0x261, mgf: 3 },
  SHA_512: { digest: 0x270, hmac: 0x271, mgf: 4 },
  RIPEMD_160: { digest: 0x240, hmac: 0x241, mgf: undefined },
  SHA_512_224: { digest: 0x48, hmac: 0x49, mgf: undefined },
  SHA_512_256: { digest: 0x4c, hmac: 0x4d, mgf: undefined },
  SHA3_224: { digest: 0x2b5, hmac: 0x2b6, mgf: 6 },
  SHA3_256: { digest: 0x2b0, hmac: 0x2b1, mgf: 7 },
  SHA3_384: { digest: 0x2c0, hmac: 0x2c1, mgf: 8 },
  SHA3_512: { digest: 0x2d0, hmac: 0x2d1, mgf: 9 },
} as const
