"""One bucket of an S3 service, through fsspec's s3fs: the only module that knows either.

Every call is tried again where that can help (botocore's adaptive mode, and once more where an answer broke off), has a deadline, and fails
in our words, which never hold a key: keys are file names, and these hold phone numbers. What was sent arrived: the request is signed with
the body's SHA-256, its MD5 goes along, and the ETag that comes back is compared with it, since not every service heeds all three.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto
from fsspec.asyn import sync
from s3fs import S3FileSystem
from s3fs.core import set_custom_error_handler

from scraper.errors import ConfigError, DiskFull, StorageError, StoreRefused, StoreUnreachable, StoreUnwritable, StoreVanished
from scraper.store.interface import StoreSettings

#: Seconds for one call with all its repetitions; for a connection; for the next bytes of an answer.
DEADLINE_SECONDS, CONNECT_SECONDS, READ_SECONDS = 300.0, 10.0, 30.0
ATTEMPTS = 4
#: How long what was written may take to be seen, where the service is consistent only eventually.
VISIBLE_SECONDS = 60.0
_CONNECTIONS = 32

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_WRONG_KEY = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException"}
_FORBIDDEN = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "MethodNotAllowed", "403"}
_WRONG_REGION = {"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage", "StorageFull", "507"}
_CHANGED = {"BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody"}
_BUSY = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict"}
#: What a service says that doesn't know all of S3.
_NOT_SUPPORTED = {"NotImplemented", "501", "InvalidArgument"}
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.MetadataRetrievalError,
)

_KEYS = "Correct store.access_key and store.secret_key, or what stands in their place in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE)."
_PERMISSIONS = (
    "Allow it s3:ListBucket and s3:ListBucketMultipartUploads on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and"
    " s3:AbortMultipartUpload on what is in it."
)

set_custom_error_handler(lambda error: _code(error) in _CHANGED)


class Bucket:
    """What a store needs of a bucket. Keys are whole: the prefix of ``store.url`` is the store's matter.

    Raises :class:`~scraper.errors.StorageError` of the kind that fits, :class:`FileNotFoundError` for a key that isn't there, and
    :class:`~scraper.errors.ConfigError` for a name that no bucket can have.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.name = urlsplit(settings.url).netloc
        by_path = settings.path_style if settings.path_style is not None else settings.endpoint_url is not None
        self._fs = S3FileSystem(
            key=settings.access_key.get_secret_value() if settings.access_key else None,
            secret=settings.secret_key.get_secret_value() if settings.secret_key else None,
            endpoint_url=settings.endpoint_url,
            client_kwargs={"region_name": settings.region} if settings.region else {},
            config_kwargs={
                "retries": {"mode": "adaptive", "total_max_attempts": ATTEMPTS},
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
                "max_pool_connections": _CONNECTIONS,
                "s3": {"addressing_style": "path" if by_path else "auto", "payload_signing_enabled": True},
                # Checksums that came in later than S3 itself, and that not every service knows.
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            },
            use_listings_cache=False,
        )
        self._fs.retries = 2

    def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """One call of the S3 API, as boto3 names it."""
        with self._in_our_words():
            answer: Mapping[str, Any] = self._fs.call_s3(method, Bucket=self.name, timeout=DEADLINE_SECONDS, **arguments)
        return answer

    def put(self, key: str, body: bytes, *, new: bool = False) -> str:
        """Write an object, whole; its ETag. With ``new`` it is a FileExistsError where there is one, if the service knows conditions."""
        condition = {"IfNoneMatch": "*"} if new else {}
        return self._written(self.call("put_object", Key=key, Body=body, ContentMD5=_md5(body), **condition), body)

    def put_part(self, upload: Mapping[str, Any], number: int, body: bytes) -> Mapping[str, Any]:
        """Send one part, from 1 on, of what ``create_multipart_upload`` began; what completing it wants to know of it."""
        answer = self.call(
            "upload_part", Key=upload["Key"], UploadId=upload["UploadId"], PartNumber=number, Body=body, ContentMD5=_md5(body)
        )
        return {"PartNumber": number, "ETag": self._written(answer, body)}

    def head(self, key: str) -> Mapping[str, Any] | None:
        """What is known of an object, None where there is none."""
        try:
            return self.call("head_object", Key=key)
        except FileNotFoundError:
            return None

    def read(self, key: str, start: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``start``; fewer only at the end."""
        try:
            with self._in_our_words():
                data: bytes = self._fs.cat_file(f"{self.name}/{key}", start=start, end=start + length, timeout=DEADLINE_SECONDS)
        except _BeyondTheEnd:
            return b""
        return data

    def copy(self, key: str, to: str) -> None:
        """Copy an object of up to 5 GB within the service, whole. What its ETag will be, services don't agree on."""
        self.call("copy_object", Key=to, CopySource={"Bucket": self.name, "Key": key})

    def delete(self, key: str) -> None:
        """Delete an object; harmless where there is none."""
        self.call("delete_object", Key=key)

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin so."""
        token: dict[str, str] = {}
        while True:
            page = self.call("list_objects_v2", Prefix=prefix, **token)
            yield from (found["Key"] for found in page.get("Contents", ()))
            if not page.get("NextContinuationToken"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def uploads(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Unfinished uploads of keys that begin so; none where the service doesn't list them."""
        at: dict[str, str] = {}
        while True:
            try:
                page = self.call("list_multipart_uploads", Prefix=prefix, **at)
            except (NotSupported, FileNotFoundError):  # some answer that there is no such upload
                return
            yield from (found for found in page.get("Uploads", ()) if found["Key"].startswith(prefix))
            if not page.get("IsTruncated"):
                return
            at = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def await_visible(self, etags: Mapping[str, str | None]) -> None:
        """Wait until readers see these keys' objects, with these ETags where they are known.

        Raises :class:`StoreUnwritable` where they don't come to.
        """
        with self._in_our_words():
            try:
                sync(self._fs.loop, self._all_visible, etags, timeout=VISIBLE_SECONDS)
            except TimeoutError as error:
                raise StoreUnwritable(
                    "The object storage took files, and doesn't show them.",
                    remedy="Run again: nothing is lost; if it repeats, ask who runs it.",
                ) from error

    async def _all_visible(self, etags: Mapping[str, str | None]) -> None:
        await asyncio.gather(*(self._visible(key, etag) for key, etag in etags.items()))

    async def _visible(self, key: str, etag: str | None) -> None:
        pause = 0.05
        while (seen := await self._etag(key)) is None or etag not in (None, seen):
            await asyncio.sleep(pause)  # asked again, less and less often, until the deadline of await_visible
            pause = min(pause * 2, 2.0)

    async def _etag(self, key: str) -> str | None:
        try:
            return _bare((await self._fs._call_s3("head_object", Bucket=self.name, Key=key))["ETag"])
        except FileNotFoundError:
            return None

    def _written(self, answer: Mapping[str, Any], body: bytes) -> str:
        """The ETag, which is the body's MD5 unless the service encrypts with a key of its own."""
        etag = _bare(answer["ETag"])
        encrypted = answer.get("SSECustomerAlgorithm") or str(answer.get("ServerSideEncryption", "")).startswith("aws:kms")
        if re.fullmatch(r"[0-9a-f]{32}", etag) and not encrypted and etag != _md5_of(body).hexdigest():
            raise _changed()
        return etag

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except (OSError, boto.BotoCoreError) as error:
            if (ours := self._ours(error)) is error:
                raise
            raise ours from error

    def _ours(self, error: Exception) -> Exception:
        """Our error for theirs."""
        if (code := _code(error)) is not None:
            return self._refusal(error, code)
        if isinstance(error, _NO_CREDENTIALS):
            return StoreRefused("There are no credentials for the object storage.", remedy=_KEYS)
        if isinstance(error, boto.SSLError):
            return StoreUnreachable(
                "The object storage's certificate is not trusted.",
                remedy="Name the CA that signed it in the environment, as AWS_CA_BUNDLE=/path/ca.pem.",
            )
        if isinstance(error, boto.ParamValidationError):
            return ConfigError("store.url: that is no bucket's name.")
        if isinstance(error, FileNotFoundError):
            return error
        return StoreUnreachable(f"The object storage can't be reached: {type(error).__name__}.")

    def _refusal(self, error: Exception, code: str) -> Exception:
        """Our error for what the service answered."""
        if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
            return error
        if code in ("PreconditionFailed", "412"):
            return FileExistsError()
        if code in ("InvalidRange", "416"):
            return _BeyondTheEnd()
        if code in _NOT_SUPPORTED:
            return NotSupported()
        if code in ("NoSuchBucket", "InvalidBucketName"):
            return StoreVanished(
                "The bucket that store.url names is not there.",
                remedy="Make the bucket, or correct store.url, store.endpoint_url and store.region.",
            )
        if code in _WRONG_REGION or re.fullmatch("3..", code):
            return _wrong_region(error)
        if code in _BUSY or re.fullmatch("5..", code):
            return StoreUnreachable(f"The object storage is out of order or overloaded ({code}), also after {ATTEMPTS} attempts.")
        if code in _CHANGED:
            return _changed()
        if code in _FULL:
            return DiskFull(f"The object storage has no space left ({code}).")
        return _not_allowed(code)


class NotSupported(StoreUnwritable):
    """The object storage can't do what it was asked for."""


class _BeyondTheEnd(Exception):
    """There are no bytes from there on."""


def _not_allowed(code: str) -> StorageError:
    if code in _EXPIRED:
        return StoreRefused("The credentials for the object storage have expired.", remedy=f"Renew them. {_KEYS}")
    if code in _WRONG_KEY:
        return StoreRefused(f"The object storage doesn't know these credentials ({code}).", remedy=_KEYS)
    if code in _FORBIDDEN:
        return StoreRefused("These credentials may not do in the bucket what an archive needs.", remedy=_PERMISSIONS)
    if code == "RequestTimeTooSkewed":
        return StoreRefused(
            "This machine's clock differs too much from the object storage's.", remedy="Set the clock: install an NTP client."
        )
    if code == "400":  # an answer to HEAD, which can't say more
        return StoreRefused("The object storage refuses the request; it didn't say why.", remedy=f"Check store.region. {_KEYS}")
    return StoreUnwritable(f"The object storage answered {code}.", remedy="Look the word up in its documentation.")


def _wrong_region(error: Exception) -> StorageError:
    response: Mapping[str, Any] = getattr(error.__cause__, "response", {})
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or response.get("Error", {}).get("Region")
    where = f" It lies in {region}." if region else ""
    return StoreRefused(
        f"The bucket is in another region than store.region says.{where}", remedy=f"Set store.region{f' to {region}' if region else ''}."
    )


def _code(error: BaseException) -> str | None:
    """The service's own word for what is wrong; None where it didn't answer."""
    for each in (error, error.__cause__):
        if isinstance(each, boto.ClientError):
            return str(each.response.get("Error", {}).get("Code", ""))
    return None


def _changed() -> StorageError:
    return StoreUnwritable("What was sent to the object storage arrived changed.", remedy="Check the network, and what stands in between.")


def _bare(etag: object) -> str:
    """An ETag without its quotes, and without the W/ that some proxies add."""
    return str(etag).removeprefix("W/").strip('"')


def _md5_of(body: bytes) -> Any:
    return hashlib.md5(body, usedforsecurity=False)


def _md5(body: bytes) -> str:
    return base64.b64encode(_md5_of(body).digest()).decode()
