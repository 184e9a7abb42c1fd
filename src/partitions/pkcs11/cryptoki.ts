/*
 * What of pkcs11js is used, declared here: the package is optional, and the build must not need it.
 * All calls throw an Error with the CKR_* number as `code`.
 */

/** A slot, session or object in the module's own layout. */
export type Handle = Buffer

export interface Mechanism {
  readonly mechanism: number
  readonly parameter?:
    | Buffer
    | GcmParameter
    | CcmParameter
    | GostWrapParameter
    | OaepParameter
    | PssParameter
    | EcdhParameter
    | EncryptDataParameter
}

export interface GcmParameter {
  readonly type: number
  readonly iv: Buffer
  readonly ivBits: number
  readonly aad: Buffer
  readonly tagBits: number
}

export interface CcmParameter {
  readonly type: number
  readonly dataLength: number
  readonly nonce: Buffer
  readonly aad: Buffer
  /** In bytes. */
  readonly macLength: number
}

export interface GostWrapParameter {
  readonly type: number
  readonly wrapOID: Buffer
  readonly ukm: Buffer
  /** A CK_ULONG in the module's own layout. */
  readonly key: Buffer
}

export interface OaepParameter {
  readonly type: number
  readonly hashAlg: number
  readonly mgf: number
  readonly source: number
  readonly sourceData?: Buffer
}

export interface EcdhParameter {
  readonly type: number
  readonly kdf: number
  readonly publicData: Buffer
}

export interface EncryptDataParameter {
  readonly type: number
  readonly iv: Buffer
  readonly data: Buffer
}

export interface PssParameter {
  readonly type: number
  readonly hashAlg: number
  readonly mgf: number
  readonly saltLen: number
}

export interface Attribute {
  readonly type: number
  readonly value?: number | boolean | string | Buffer
}

export type Template = Attribute[]

/** Output goes into the buffer given; what is returned is the written part of it. */
export interface Cryptoki {
  load(path: string): void
  close(): void
  C_Initialize(options: { readonly flags: number; readonly libraryParameters?: string }): void
  C_Finalize(): void
  C_GetInfo(): {
    readonly manufacturerID: string
    readonly libraryDescription: string
    readonly libraryVersion: { readonly major: number; readonly minor: number }
  }
  C_GetSlotList(tokenPresent: boolean): Handle[]
  C_GetTokenInfo(slot: Handle): { readonly label: string; readonly serialNumber: string; readonly model: string; readonly flags: number }
  C_GetMechanismInfo(slot: Handle, mechanism: number): { readonly flags: number; readonly minKeySize: number; readonly maxKeySize: number }
  C_InitToken(slot: Handle, pin: string, label: string): void
  C_InitPIN(session: Handle, pin: string): void
  C_OpenSession(slot: Handle, flags: number): Handle
  C_CloseSession(session: Handle): void
  C_Login(session: Handle, userType: number, pin: string): void
  C_Logout(session: Handle): void
  C_CreateObject(session: Handle, template: Template): Handle
  C_DestroyObject(session: Handle, object: Handle): void
  C_GetAttributeValue(session: Handle, object: Handle, template: Template): { readonly value: Buffer }[]
  C_FindObjectsInit(session: Handle, template: Template): void
  C_FindObjects(session: Handle, most: number): Handle[]
  C_FindObjectsFinal(session: Handle): void
  C_EncryptInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Encrypt(session: Handle, data: Buffer, out: Buffer): Buffer
  C_EncryptUpdate(session: Handle, data: Buffer, out: Buffer): Buffer
  C_EncryptFinal(session: Handle, out: Buffer): Buffer
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Decrypt(session: Handle, data: Buffer, out: Buffer): Buffer
  C_DecryptUpdate(session: Handle, data: Buffer, out: Buffer): Buffer
  C_DecryptFinal(session: Handle, out: Buffer): Buffer
  C_DigestInit(session: Handle, mechanism: Mechanism): void
  C_Digest(session: Handle, data: Buffer, out: Buffer): Buffer
  C_DigestUpdate(session: Handle, data: Buffer): void
  C_DigestKey(session: Handle, key: Handle): void
  C_DigestFinal(session: Handle, out: Buffer): Buffer
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Sign(session: Handle, data: Buffer, out: Buffer): Buffer
  C_SignUpdate(session: Handle, data: Buffer): void
  C_SignFinal(session: Handle, out: Buffer): Buffer
  C_VerifyInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Verify(session: Handle, data: Buffer, signature: Buffer): boolean
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: Template): Handle
  C_GenerateKeyPair(
    session: Handle,
    mechanism: Mechanism,
    publicTemplate: Template,
    privateTemplate: Template,
  ): { readonly privateKey: Handle; readonly publicKey: Handle }
  C_WrapKey(session: Handle, mechanism: Mechanism, wrapping: Handle, key: Handle, out: Buffer): Buffer
  C_UnwrapKey(session: Handle, mechanism: Mechanism, wrapping: Handle, wrapped: Buffer, template: Template): Handle
  C_DeriveKey(session: Handle, mechanism: Mechanism, base: Handle, template: Template): Handle
  C_GenerateRandom(session: Handle, out: Buffer): Buffer
}
