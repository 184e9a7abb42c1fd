import test from 'ava'
import { readTestCase, runCase } from '../../src/conformance/index.ts'
import { encode, fromXml } from '../../src/ttlv/index.ts'

const request = `<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"/>
<ProtocolVersionMinor type="Integer" value="1"/></ProtocolVersion><BatchCount type="Integer" value="1"/></RequestHeader>
<BatchItem><Operation type="Enumeration" value="Get"/><RequestPayload><UniqueIdentifier type="TextString" value="a"/></RequestPayload></BatchItem></RequestMessage>`

const response = (item: string) => `<ResponseMessage><ResponseHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="2"/>
<ProtocolVersionMinor type="Integer" value="1"/></ProtocolVersion><TimeStamp type="DateTime" value="2026-01-01T00:00:00Z"/>
<BatchCount type="Integer" value="1"/></ResponseHeader><BatchItem><Operation type="Enumeration" value="Get"/>${item}</BatchItem></ResponseMessage>`

const success = (payload: string) =>
  response(`<ResultStatus type="Enumeration" value="Success"/><ResponsePayload>${payload}</ResponsePayload>`)
const failure = (reason: string, message = '') =>
  response(`<ResultStatus type="Enumeration" value="OperationFailed"/><ResultReason type="Enumeration" value="${reason}"/>${message}`)
const name = (value: string) =>
  `<Attributes><Name><NameValue type="TextString" value="${value}"/><NameType type="Enumeration" value="URI"/></Name></Attributes>`

/** What was expected, what the server answered, and the differences that must be found. A comparison that finds none proves nothing. */
const comparisons: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['the same', success(name('x')), success(name('x')), []],
  [
    'another identifier may come',
    success('<UniqueIdentifier type="TextString" value="a"/>'),
    success('<UniqueIdentifier type="TextString" value="b"/>'),
    [],
  ],
  ['another value', success(name('x')), success(name('y')), ['BatchItem/ResponsePayload/Attributes/Name/NameValue: is y, expected x']],
  [
    'a missing attribute',
    success(name('x')),
    success('<Attributes/>'),
    ['BatchItem/ResponsePayload/Attributes/Name: is missing, expected'],
  ],
  ['one attribute more', success('<Attributes/>'), success(name('x')), []],
  ['another reason', failure('Sensitive'), failure('NotExtractable'), ['BatchItem/ResultReason: is NotExtractable, expected Sensitive']],
  ['any message', failure('Sensitive'), failure('Sensitive', '<ResultMessage type="TextString" value="no"/>'), []],
  [
    'success in place of failure',
    failure('Sensitive'),
    success(''),
    [
      'BatchItem/ResultStatus: is Success, expected OperationFailed',
      'BatchItem/ResultReason: is missing, expected Sensitive',
      'BatchItem/ResponsePayload: was not expected',
    ],
  ],
  [
    'key material of a registered object',
    success('<SymmetricKey><KeyBlock><KeyMaterial type="ByteString" value="00"/></KeyBlock></SymmetricKey>'),
    success('<SymmetricKey><KeyBlock><KeyMaterial type="ByteString" value="01"/></KeyBlock></SymmetricKey>'),
    ['BatchItem/ResponsePayload/SymmetricKey/KeyBlock/KeyMaterial: is 01, expected 00'],
  ],
  [
    'a date that no request fixed',
    success('<Attributes><InitialDate type="DateTime" value="2020-01-01T00:00:00Z"/></Attributes>'),
    success('<Attributes><InitialDate type="DateTime" value="2026-01-01T00:00:00Z"/></Attributes>'),
    [],
  ],
  [
    'a placeholder that means two things',
    success('<PublicKeyUniqueIdentifier type="TextString" value="$X"/><PrivateKeyUniqueIdentifier type="TextString" value="$X"/>'),
    success('<PublicKeyUniqueIdentifier type="TextString" value="1"/><PrivateKeyUniqueIdentifier type="TextString" value="2"/>'),
    ['BatchItem/ResponsePayload/PrivateKeyUniqueIdentifier: is 2, expected what $X stands for: 1'],
  ],
]

for (const [title, expected, actual, differences] of comparisons) {
  test(`compares: ${title}`, async (t) => {
    const testCase = readTestCase('case', `<KMIP>${request}${expected}</KMIP>`)
    const result = await runCase(testCase, async () => encode(fromXml(actual)))
    t.deepEqual(result.outcome === 'failed' ? result.differences : [], differences)
  })
}

test('a case whose messages do not alternate is refused with its line', (t) => {
  const error = t.throws(() => readTestCase('odd.xml', `<KMIP>\n${request}\n${request}</KMIP>`))
  t.regex(error.message, /^odd\.xml: line 2: a RequestMessage and its ResponseMessage were expected/)
})
