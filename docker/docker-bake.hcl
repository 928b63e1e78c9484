# The images of the onnxruntime, openvino, litert and tensorrt targets, each for the processor of its
# device; for phones, which run no containers, and for Jetsons, whose engines are built by a kit that
# comes from a desk, for that of a desk. From the repository's root:
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
    "a10",
    "a100",
    "h100",
    "jetson-agx-orin",
    "jetson-agx-xavier",
    "jetson-nano",
    "jetson-orin-nano",
    "jetson-orin-nx",
    "jetson-thor",
    "jetson-tx2",
    "jetson-xavier-nx",
    "l4",
    "rtx-4090",
    "t4",
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

# The same for TensorRT: TensorRT-RTX is in it, which compiles without a GPU.
target "_tensorrt" {
  context    = "."
  contexts   = { onnxruntime = "target:cpu-server" }
  dockerfile = "docker/tensorrt.Dockerfile"
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

target "a10" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "a10" }
  tags     = ["mcompile:a10"]
}

target "a100" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "a100" }
  tags     = ["mcompile:a100"]
}

target "h100" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "h100" }
  tags     = ["mcompile:h100"]
}

target "jetson-agx-orin" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-agx-orin" }
  tags     = ["mcompile:jetson-agx-orin"]
}

target "jetson-agx-xavier" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-agx-xavier" }
  tags     = ["mcompile:jetson-agx-xavier"]
}

target "jetson-nano" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-nano" }
  tags     = ["mcompile:jetson-nano"]
}

target "jetson-orin-nano" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-orin-nano" }
  tags     = ["mcompile:jetson-orin-nano"]
}

target "jetson-orin-nx" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-orin-nx" }
  tags     = ["mcompile:jetson-orin-nx"]
}

target "jetson-thor" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-thor" }
  tags     = ["mcompile:jetson-thor"]
}

target "jetson-tx2" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-tx2" }
  tags     = ["mcompile:jetson-tx2"]
}

target "jetson-xavier-nx" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "jetson-xavier-nx" }
  tags     = ["mcompile:jetson-xavier-nx"]
}

target "l4" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "l4" }
  tags     = ["mcompile:l4"]
}

target "rtx-4090" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "rtx-4090" }
  tags     = ["mcompile:rtx-4090"]
}

target "t4" {
  inherits = ["_tensorrt"]
  args     = { BASE = "onnxruntime", TARGET = "t4" }
  tags     = ["mcompile:t4"]
}
