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
  /** Set when the value came wrapped; see {@link registeredKeyValue} for whether it still is. */
  readonly keyWrappingData?: StructureValue<'KeyWrappingData'> | undefined
  /** The wrapped bytes as they came, where the partition took the value out of them. Without these a value that came wrapped is kept so. */
  readonly registeredKeyValue?: Uint8Array | undefined
  /** The wrapped bytes came as Key Material inside a Key Value, as clients have it with No Encoding, and not as the Key Value itself. */
  readonly wrappedInStructure?: boolean | undefined
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
