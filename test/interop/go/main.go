// Kmip-go's client against a running server. Prints one JSON object: for each step what came of it. A refusal is "refused: Reason".
//
// usage: kmipgo HOST:PORT BUNDLE-FOLDER PREFIX [VERSION]
//
// Without a version the client and the server agree on one. Signatures are checked here with Go's own cryptography.
package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/ovh/kmip-go"
	"github.com/ovh/kmip-go/kmipclient"
	"github.com/ovh/kmip-go/payloads"
	"github.com/ovh/kmip-go/ttlv"
)

var outcomes = map[string]any{}
var reason = regexp.MustCompile(`reason="(\w+)"`)

// step notes what came of a call: what it gave, or the reason of its refusal.
func step[T any](name string, value T, err error) T {
	if err == nil {
		outcomes[name] = value
	} else if found := reason.FindStringSubmatch(err.Error()); found != nil {
		outcomes[name] = "refused: " + found[1]
	} else {
		outcomes[name] = "failed: " + err.Error()
	}
	return value
}

// done is step for calls whose answer says nothing more than that it is so.
func done(name string, err error) {
	step(name, "done", err)
}

func main() {
	address, bundle, prefix := os.Args[1], os.Args[2], os.Args[3]
	options := []kmipclient.Option{
		kmipclient.WithRootCAFile(filepath.Join(bundle, "ca.pem")),
		kmipclient.WithClientCertFiles(filepath.Join(bundle, "cert.pem"), filepath.Join(bundle, "key.pem")),
	}
	if len(os.Args) > 4 {
		version := kmip.ProtocolVersion{}
		if _, err := fmt.Sscanf(os.Args[4], "%d.%d", &version.ProtocolVersionMajor, &version.ProtocolVersionMinor); err != nil {
			fail(err)
		}
		options = append(options, kmipclient.EnforceVersion(version))
	}
	client, err := kmipclient.Dial(address, options...)
	if err != nil {
		fail(err)
	}
	defer client.Close()
	outcomes["version"] = client.Version().String()
	discovery(client)
	symmetric(client, prefix)
	signatures(client, prefix)
	registered(client, prefix)
	batches(client, prefix)
	out, err := json.MarshalIndent(outcomes, "", " ")
	if err != nil {
		fail(err)
	}
	fmt.Println(string(out))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func discovery(client *kmipclient.Client) {
	answer, err := client.Query().Operations().Objects().ServerInformation().Exec()
	if err != nil {
		fail(err)
	}
	outcomes["query: encrypt"] = slices.Contains(answer.Operations, kmip.OperationEncrypt)
	outcomes["query: symmetric keys"] = slices.Contains(answer.ObjectType, kmip.ObjectTypeSymmetricKey)
}

func symmetric(client *kmipclient.Client, prefix string) {
	name := prefix + " aes"
	made, err := client.Create().AES(256, kmip.CryptographicUsageEncrypt|kmip.CryptographicUsageDecrypt).
		WithName(name).WithAttribute(kmip.AttributeNameObjectGroup, "kmip-go").Exec()
	done("create", err)
	if err != nil {
		fail(err)
	}
	key := made.UniqueIdentifier
	step("state when created", state(client, key), nil)
	_, err = client.Activate(key).Exec()
	done("activate", err)
	step("state when activated", state(client, key), nil)

	gcm := kmip.CryptographicParameters{BlockCipherMode: kmip.BlockCipherModeGCM, TagLength: 16}
	cbc := kmip.CryptographicParameters{BlockCipherMode: kmip.BlockCipherModeCBC, PaddingMethod: kmip.PaddingMethodPKCS5}
	plain, nonce, associated := []byte("attack at dawn"), bytes.Repeat([]byte{7}, 12), []byte("today")
	got, err := client.Get(key).Exec()
	if err != nil {
		fail(err)
	}
	secret, err := got.SymmetricKey()
	step("get", len(secret), err)
	if ttlv.CompareVersions(client.Version(), kmip.V1_4) >= 0 {
		sealed, err := client.Encrypt(key).WithCryptographicParameters(gcm).WithIvCounterNonce(nonce).WithAAD(associated).Data(plain).Exec()
		done("encrypt GCM", err)
		if err == nil {
			step("encrypted as AES-GCM has it", bytes.Equal(append(sealed.Data, sealed.AuthenticatedEncryptionTag...), goGCM(secret, nonce, plain, associated)), nil)
			opened, err := client.Decrypt(key).WithCryptographicParameters(gcm).WithIvCounterNonce(nonce).WithAAD(associated).
				WithAuthTag(sealed.AuthenticatedEncryptionTag).Data(sealed.Data).Exec()
			step("decrypt GCM", err == nil && bytes.Equal(opened.Data, plain), err)
			_, err = client.Decrypt(key).WithCryptographicParameters(gcm).WithIvCounterNonce(nonce).WithAAD([]byte("tomorrow")).
				WithAuthTag(sealed.AuthenticatedEncryptionTag).Data(sealed.Data).Exec()
			done("decrypt GCM with other associated data", err)
		}
	}
	iv := bytes.Repeat([]byte{9}, 16)
	sealed, err := client.Encrypt(key).WithCryptographicParameters(cbc).WithIvCounterNonce(iv).Data(plain).Exec()
	done("encrypt CBC", err)
	if err == nil {
		opened, err := client.Decrypt(key).WithCryptographicParameters(cbc).WithIvCounterNonce(iv).Data(sealed.Data).Exec()
		step("decrypt CBC", err == nil && bytes.Equal(opened.Data, plain), err)
	}

	found, err := client.Locate().WithName(name).Exec()
	step("locate by name", err == nil && slices.Equal(found.UniqueIdentifier, []string{key}), err)
	found, err = client.Locate().WithObjectType(kmip.ObjectTypeSymmetricKey).WithAttribute(kmip.AttributeNameObjectGroup, "kmip-go").Exec()
	step("locate by type and group", err == nil && slices.Equal(found.UniqueIdentifier, []string{key}), err)
	listed, err := client.GetAttributeList(key).Exec()
	step("get attribute list", err == nil && slices.Contains(listed.AttributeName, kmip.AttributeNameObjectGroup), err)
	all, err := client.GetAttributes(key).Exec()
	step("get all attributes", err == nil && len(all.Attribute) >= len(listed.AttributeName), err)

	_, err = client.AddAttribute(key, kmip.AttributeNameContactInformation, "security@example.org").Exec()
	done("add attribute", err)
	_, err = client.ModifyAttribute(key, kmip.AttributeNameContactInformation, "keys@example.org").Exec()
	done("modify attribute", err)
	contact, err := client.GetAttributes(key, kmip.AttributeNameContactInformation).Exec()
	step("modified attribute", onlyText(contact), err)
	_, err = client.AddAttribute(key, "x-purpose", "interoperability").Exec()
	done("add custom attribute", err)
	custom, err := client.GetAttributes(key, "x-purpose").Exec()
	step("custom attribute", onlyText(custom), err)
	_, err = client.DeleteAttribute(key, "x-purpose").Exec()
	done("delete custom attribute", err)
	_, err = client.ModifyAttribute(key, kmip.AttributeNameState, kmip.StateCompromised).Exec()
	done("modify state", err)

	_, err = client.Destroy(key).Exec()
	done("destroy when active", err)
	_, err = client.Revoke(key).WithRevocationReasonCode(kmip.RevocationReasonCodeCessationOfOperation).Exec()
	done("revoke", err)
	step("state when revoked", state(client, key), nil)
	_, err = client.Encrypt(key).WithCryptographicParameters(cbc).WithIvCounterNonce(iv).Data(plain).Exec()
	done("encrypt when revoked", err)
	_, err = client.Destroy(key).Exec()
	done("destroy", err)
	_, err = client.Get(key).Exec()
	done("get when destroyed", err)
	_, err = client.Encrypt(key).WithCryptographicParameters(cbc).WithIvCounterNonce(iv).Data(plain).Exec()
	done("encrypt when destroyed", err)
	_, err = client.Get("no-such-object").Exec()
	done("get an unknown identifier", err)
}

// onlyText is the text of the one attribute that came.
func onlyText(answer *payloads.GetAttributesResponsePayload) string {
	if answer == nil || len(answer.Attribute) != 1 {
		return ""
	}
	switch value := answer.Attribute[0].AttributeValue.(type) {
	case string:
		return value
	case ttlv.Value:
		return fmt.Sprint(value.Value)
	default:
		return fmt.Sprintf("%T", value)
	}
}

func state(client *kmipclient.Client, id string) string {
	answer, err := client.GetAttributes(id, kmip.AttributeNameState).Exec()
	if err != nil {
		return err.Error()
	}
	return ttlv.EnumStr(answer.Attribute[0].AttributeValue.(kmip.State))
}

func goGCM(key, nonce, plain, associated []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		fail(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		fail(err)
	}
	return sealer.Seal(nil, nonce, plain, associated)
}

// signatures uses the server's private keys through crypto.Signer, which sends digests (a field of KMIP 1.4), and by Sign of the data itself.
func signatures(client *kmipclient.Client, prefix string) {
	digest := sha256.Sum256([]byte("message"))
	pss := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	pair, err := client.CreateKeyPair().RSA(2048, kmip.CryptographicUsageSign, kmip.CryptographicUsageVerify).
		PrivateKey().WithName(prefix + " rsa private").PublicKey().WithName(prefix + " rsa public").Exec()
	done("create RSA key pair", err)
	if err != nil {
		return
	}
	signer := signerOf(client, "RSA signer", pair)
	if signer != nil {
		public := signer.Public().(*rsa.PublicKey)
		signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		step("sign RSA PKCS #1", err == nil && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil, err)
		signature, err = signer.Sign(rand.Reader, digest[:], pss)
		step("sign RSA PSS", err == nil && rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, pss) == nil, err)
		params := kmip.CryptographicParameters{
			CryptographicAlgorithm: kmip.CryptographicAlgorithmRSA, PaddingMethod: kmip.PaddingMethodPSS, HashingAlgorithm: kmip.HashingAlgorithmSHA_256,
		}
		signed, err := client.Sign(pair.PrivateKeyUniqueIdentifier).WithCryptographicParameters(params).Data([]byte("message")).Exec()
		done("sign the data", err)
		if err == nil {
			step("signed the data as PSS has it", rsa.VerifyPSS(public, crypto.SHA256, digest[:], signed.SignatureData, nil) == nil, nil)
			for _, data := range []string{"message", "another"} {
				answer, err := client.SignatureVerify(pair.PublicKeyUniqueIdentifier).WithCryptographicParameters(params).Data([]byte(data)).Signature(signed.SignatureData).Exec()
				step("verify "+data, verdict(answer), err)
			}
		}
	}
	for _, curve := range []kmip.RecommendedCurve{kmip.RecommendedCurveP_256, kmip.RecommendedCurveP_384} {
		name := ttlv.EnumStr(curve)
		pair, err := client.CreateKeyPair().ECDSA(curve, kmip.CryptographicUsageSign, kmip.CryptographicUsageVerify).
			PrivateKey().WithName(prefix + " private " + name).PublicKey().WithName(prefix + " public " + name).Exec()
		done("create key pair "+name, err)
		if err != nil {
			continue
		}
		if signer := signerOf(client, "signer "+name, pair); signer != nil {
			signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
			step("sign "+name, err == nil && ecdsa.VerifyASN1(signer.Public().(*ecdsa.PublicKey), digest[:], signature), err)
		}
	}
}

func verdict(answer *payloads.SignatureVerifyResponsePayload) string {
	if answer == nil {
		return ""
	}
	return ttlv.EnumStr(answer.ValidityIndicator)
}

// signerOf activates both keys and makes a signer of them, found by the link from the private key to the public.
func signerOf(client *kmipclient.Client, name string, pair *payloads.CreateKeyPairResponsePayload) crypto.Signer {
	for _, id := range []string{pair.PrivateKeyUniqueIdentifier, pair.PublicKeyUniqueIdentifier} {
		if _, err := client.Activate(id).Exec(); err != nil {
			fail(err)
		}
	}
	signer, err := client.Signer(context.Background(), pair.PrivateKeyUniqueIdentifier, "")
	done(name, err)
	return signer
}

func registered(client *kmipclient.Client, prefix string) {
	made, err := client.Register().SecretString(kmip.SecretDataTypePassword, "correct horse").WithName(prefix + " secret").Exec()
	done("register secret data", err)
	if err == nil {
		got, err := client.Get(made.UniqueIdentifier).Exec()
		if err != nil {
			fail(err)
		}
		text, err := got.SecretString()
		step("get secret data", text, err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fail(err)
	}
	imported, err := client.Register().EcdsaPrivateKey(private, kmip.CryptographicUsageSign).WithName(prefix + " imported").Exec()
	done("register EC private key", err)
	if err == nil {
		got, err := client.Get(imported.UniqueIdentifier).Exec()
		if err != nil {
			fail(err)
		}
		key, err := got.EcdsaPrivateKey()
		step("get EC private key", err == nil && key.Equal(private), err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		fail(err)
	}
	for _, format := range []struct {
		name   string
		format kmipclient.KeyFormat
	}{{"transparent", kmipclient.Transparent}, {"PKCS #1", kmipclient.PKCS1}, {"PKCS #8", kmipclient.PKCS8}} {
		imported, err := client.Register().WithKeyFormat(format.format).RsaPrivateKey(rsaKey, kmip.CryptographicUsageSign).WithName(prefix + " rsa " + format.name).Exec()
		done("register RSA private key, "+format.name, err)
		if err == nil {
			got, err := client.Get(imported.UniqueIdentifier).Exec()
			if err != nil {
				fail(err)
			}
			key, err := got.RsaPrivateKey()
			step("get RSA private key, "+format.name, err == nil && key.Equal(rsaKey), err)
		}
	}
}

// batches sends several operations in one message; the later ones use the ID Placeholder of the first.
func batches(client *kmipclient.Client, prefix string) {
	result, err := client.Create().AES(128, kmip.CryptographicUsageEncrypt).WithName(prefix + " batch").
		Then(func(c *kmipclient.Client) kmipclient.PayloadBuilder { return c.Activate("") }).
		Then(func(c *kmipclient.Client) kmipclient.PayloadBuilder { return c.Get("") }).
		Exec()
	if err != nil {
		fail(err)
	}
	answers, err := result.Unwrap()
	done("batch", err)
	if err == nil {
		step("batch: activated what was created", state(client, answers[0].(*payloads.CreateResponsePayload).UniqueIdentifier), nil)
	}
	result, err = client.Get("no-such-object").
		Then(func(c *kmipclient.Client) kmipclient.PayloadBuilder { return c.Query().Operations() }).
		Exec(kmipclient.OnBatchErr(kmip.BatchErrorContinuationOptionContinue))
	if err != nil {
		fail(err)
	}
	outcomes["batch that goes on after a refusal"] = []string{ttlv.EnumStr(result[0].ResultStatus), ttlv.EnumStr(result[1].ResultStatus)}
}
