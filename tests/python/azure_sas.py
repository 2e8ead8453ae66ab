"""Prints a shared access signature for all of a storage account's blobs.

Arguments: name and key of the account.
"""

import base64
import hashlib
import hmac
import sys
import urllib.parse

account, key = sys.argv[1:]
fields = {"sp": "rwdlacx", "ss": "b", "srt": "sco", "se": "2099-01-01T00:00:00Z", "sv": "2021-06-08"}
signed = [account, fields["sp"], fields["ss"], fields["srt"], "", fields["se"], "", "", fields["sv"], "", ""]
digest = hmac.new(base64.b64decode(key), "\n".join(signed).encode(), hashlib.sha256).digest()
print(urllib.parse.urlencode({**fields, "sig": base64.b64encode(digest).decode()}))
