{
  "variables": {
    # `npm run check:native` builds with the sanitizers in: node-gyp rebuild --sanitize=1
    "sanitize%": 0
  },
  "targets": [
    {
      "target_name": "pdm_native_shim",
      "sources": [
        "source/addon.cc",
        "source/arguments.cc",
        "source/loop-socket.cc",
        "source/monotonic-clock.cc",
        "source/privileges.cc",
        "source/receiver.cc",
        "source/route.cc",
        "source/sender.cc",
        "source/system-error.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags!": ["-std=gnu++17"],
      "cflags": ["-Wall", "-Wextra", "-Wno-unused-parameter"],
      "cflags_cc": ["-std=c++17", "-fno-exceptions", "-fvisibility=hidden"],
      "conditions": [
        [
          "sanitize==1",
          {
            "cflags": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g", "-O1"],
            "ldflags": ["-fsanitize=address,undefined"]
          }
        ]
      ]
    }
  ]
}
