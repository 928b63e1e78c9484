# The images of the onnxruntime, openvino and litert targets, each for the processor of its device;
# for phones, which run no containers, for that of a desk. From the repository's root:
#
#   docker buildx bake -f docker/docker-bake.hcl               all of them
#   docker buildx bake -f docker/docker-bake.hcl cpu-server    one
#
# A target that several runtimes can serve has an image for each: its own is that of the first, and
# the others' end in -openvino or -litert.

group "default" {
  targets = [
    "cpu-server",
    "cpu-server-vnni",
    "arm-server",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "cpu-server-openvino",
    "cpu-server-vnni-openvino",
    "intel-igpu",
    "intel-npu",
    "phone",
    "android-mid",
    "android-flagship",
    "coral",
    "raspberry-pi-4-litert",
    "raspberry-pi-5-litert",
  ]
}

target "_onnxruntime" {
  context    = "."
  dockerfile = "docker/onnxruntime.Dockerfile"
}

# On top of that of the processor: what the two have in common is built and stored once.
target "_openvino" {
  context    = "."
  contexts   = { onnxruntime = "target:cpu-server" }
  dockerfile = "docker/openvino.Dockerfile"
  platforms  = ["linux/amd64"]
}

# The same for LiteRT; a board's image says on top of which.
target "_litert" {
  context    = "."
  contexts   = { onnxruntime = "target:cpu-server" }
  dockerfile = "docker/litert.Dockerfile"
  platforms  = ["linux/amd64"]
}

target "cpu-server" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "cpu-server" }
  tags      = ["mcompile:cpu-server"]
  platforms = ["linux/amd64"]
}

target "cpu-server-vnni" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "cpu-server-vnni" }
  tags      = ["mcompile:cpu-server-vnni"]
  platforms = ["linux/amd64"]
}

target "arm-server" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "arm-server" }
  tags      = ["mcompile:arm-server"]
  platforms = ["linux/arm64"]
}

target "raspberry-pi-4" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "raspberry-pi-4" }
  tags      = ["mcompile:raspberry-pi-4"]
  platforms = ["linux/arm64"]
}

target "raspberry-pi-5" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "raspberry-pi-5" }
  tags      = ["mcompile:raspberry-pi-5"]
  platforms = ["linux/arm64"]
}

target "cpu-server-openvino" {
  inherits = ["_openvino"]
  args     = { BASE = "onnxruntime", TARGET = "cpu-server" }
  tags     = ["mcompile:cpu-server-openvino"]
}

target "cpu-server-vnni-openvino" {
  inherits = ["_openvino"]
  args     = { BASE = "onnxruntime", TARGET = "cpu-server-vnni" }
  tags     = ["mcompile:cpu-server-vnni-openvino"]
}

target "intel-igpu" {
  inherits = ["_openvino"]
  args     = { BASE = "onnxruntime", TARGET = "intel-igpu" }
  tags     = ["mcompile:intel-igpu"]
}

target "intel-npu" {
  inherits = ["_openvino"]
  args     = { BASE = "onnxruntime", TARGET = "intel-npu" }
  tags     = ["mcompile:intel-npu"]
}

target "phone" {
  inherits = ["_litert"]
  args     = { BASE = "onnxruntime", TARGET = "phone" }
  tags     = ["mcompile:phone"]
}

target "android-mid" {
  inherits = ["_litert"]
  args     = { BASE = "onnxruntime", TARGET = "android-mid" }
  tags     = ["mcompile:android-mid"]
}

target "android-flagship" {
  inherits = ["_litert"]
  args     = { BASE = "onnxruntime", TARGET = "android-flagship" }
  tags     = ["mcompile:android-flagship"]
}

target "coral" {
  inherits = ["_litert"]
  args     = { BASE = "onnxruntime", TARGET = "coral" }
  tags     = ["mcompile:coral"]
}

target "raspberry-pi-4-litert" {
  inherits  = ["_litert"]
  contexts  = { onnxruntime = "target:raspberry-pi-4" }
  args      = { BASE = "onnxruntime", TARGET = "raspberry-pi-4" }
  tags      = ["mcompile:raspberry-pi-4-litert"]
  platforms = ["linux/arm64"]
}

target "raspberry-pi-5-litert" {
  inherits  = ["_litert"]
  contexts  = { onnxruntime = "target:raspberry-pi-5" }
  args      = { BASE = "onnxruntime", TARGET = "raspberry-pi-5" }
  tags      = ["mcompile:raspberry-pi-5-litert"]
  platforms = ["linux/arm64"]
}
