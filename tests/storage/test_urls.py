"""Names of what lies behind URLs, and URLs that carry secrets."""

from __future__ import annotations

import pytest

from wsi_refocus.errors import UsageError
from wsi_refocus.storage.urls import is_remote, is_store_url, join, name_of, parent_of, public, require_public


@pytest.mark.parametrize(
    ("path", "remote", "store", "name"),
    [
        ("s3://bucket/a/slide.svs", True, False, "slide.svs"),
        ("https://host/slide.ome.zarr/", True, True, "slide.ome.zarr"),
        ("gs://bucket/set.zarr/0?versionId=7", True, True, "0"),
        ("https://host/slide.zarr.tiff", True, False, "slide.zarr.tiff"),
        ("https://host/a.zarr/../?x=y.zarr", True, True, ".."),
        ("/data/slide.svs", False, False, "slide.svs"),
        ("slide.ome.zarr", False, False, "slide.ome.zarr"),
        ("s3://bucket", True, False, "bucket"),
    ],
)
def test_paths_and_urls_are_told_apart(path: str, remote: bool, store: bool, name: str) -> None:
    assert (is_remote(path), is_store_url(path), name_of(path)) == (remote, store, name)


def test_urls_are_put_together_and_apart() -> None:
    assert join("s3://bucket/a/", "b.zarr", "0/c/1") == "s3://bucket/a/b.zarr/0/c/1"
    assert join("https://host/a?versionId=3", "zarr.json") == "https://host/a/zarr.json?versionId=3"
    assert parent_of("s3://bucket/a/b.svs") == "s3://bucket/a"
    with pytest.raises(UsageError, match="lies in no folder"):
        parent_of("s3://bucket")


@pytest.mark.parametrize("name", ["../secrets", "a/../../b", "/etc/passwd", "s3://other/x"])
def test_names_cannot_leave_their_folder(name: str) -> None:
    with pytest.raises(UsageError, match="leads out of it"):
        join("s3://bucket/slide.zarr", name)


SECRET = "5ecret"


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@host/slide.svs",
        f"https://{SECRET}@host/slide.svs",
        f"s3://key:{SECRET}@bucket/slide.svs",
        f"sftp://me:{SECRET}@host/slide.svs",
        f"https://host/slide.svs?X-Amz-Algorithm=AWS4&X-Amz-Signature={SECRET}",
        f"https://host/slide.svs?AWSAccessKeyId=A&Signature={SECRET}&Expires=1",
        f"https://host/slide.svs?sv=2024&sig={SECRET}",
        f"https://host/slide.svs?x-goog-signature={SECRET}",
        f"https://host/slide.svs?a=1;access_token={SECRET}",
        f"https://host/slide.svs?%74oken={SECRET}",
        f"https://host/slide.svs#token={SECRET}",
        f"https://host/slide.svs?api_key={SECRET}",
        f"simplecache::https://host/slide.svs?token={SECRET}",
    ],
)
def test_urls_with_secrets_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_public(url)
    message = str(caught.value)
    assert SECRET not in message and SECRET not in public(url) and "\n" not in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/monkey/sig.svs",
        "https://host/slide.svs?versionId=abc&download=1",
        "abfs://container@account.dfs.core.windows.net/slide.svs",
        "sftp://me@host/slide.svs",
        "https://host/tokens/keys/slide.svs",
    ],
)
def test_urls_without_secrets_are_taken(url: str) -> None:
    require_public(url)
    assert public(url) == url.partition("?")[0]


@pytest.mark.parametrize("url", ["https://[half/slide.svs", "https://[half/?token=5ecret"])
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(UsageError, match="no URL that can be understood") as caught:
        require_public(url)
    assert SECRET not in str(caught.value)
