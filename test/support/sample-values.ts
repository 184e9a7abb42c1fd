import type { XmlElement } from '../../src/ttlv/index.ts'

/** An element of a case with values for its placeholders: only their syntax matters. */
export function withSampleValues(element: XmlElement): XmlElement {
  const attributes = new Map(element.attributes)
  const value = attributes.get('value')
  if (value?.startsWith('$')) attributes.set('value', sample(value, attributes.get('type')))
  return { ...element, attributes, children: element.children.map(withSampleValues) }
}

function sample(placeholder: string, type: string | undefined): string {
  if (placeholder.startsWith('$NOW')) return '2024-01-02T03:04:05+00:00'
  return type === 'BigInteger' || type === 'ByteString' ? '0102030405060708' : 'placeholder'
}
