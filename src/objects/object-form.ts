import type { EnumerationValue } from '../../spec/enumerations.ts'
import type { StructureValue } from '../../spec/values.ts'

/**
 * What a client needs to be told of an object besides its attributes and its value: the fields of the object's own structure
 * (KMIP 2.1 §2), and how its Key Block came (KMIP 2.1 §3.3), so that Get gives back the form that was registered.
 */
export interface ObjectForm {
  /** The Key Format Type that Get answers in when the request names none; undefined for objects without a Key Block. */
  readonly keyFormatType?: EnumerationValue<'KeyFormatType'> | undefined
  readonly keyCompressionType?: EnumerationValue<'KeyCompressionType'> | undefined
  /** Set when the value came wrapped and is kept so: the value lies under a key that this server may not have. */
  readonly keyWrappingData?: StructureValue<'KeyWrappingData'> | undefined
  readonly certificateType?: EnumerationValue<'CertificateType'> | undefined
  readonly certificateRequestType?: EnumerationValue<'CertificateRequestType'> | undefined
  readonly secretDataType?: EnumerationValue<'SecretDataType'> | undefined
  /** A number: the standard names no value of its own. */
  readonly opaqueDataType?: number | undefined
  readonly pgpKeyVersion?: number | undefined
  readonly splitKey?: SplitKeyForm | undefined
}

export interface SplitKeyForm {
  readonly parts: number
  readonly keyPartIdentifier: number
  readonly threshold: number
  readonly method: EnumerationValue<'SplitKeyMethod'>
  readonly primeFieldSize?: Uint8Array | undefined
}
