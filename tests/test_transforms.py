"""Image transforms: on tensors against PyTorch's own operations, on PIL images against Pillow."""

import math

import numpy as np
import pytest

import minitorch
from minitorch.vision import transforms as T
from minitorch.vision.transforms import functional as F
from minitorch.vision.transforms import v2

Image = pytest.importorskip("PIL.Image")


def picture(height=23, width=31, channels=3, dtype=np.uint8, seed=0):
    """Return a smooth random image, channels last."""
    generator = np.random.default_rng(seed)
    small = generator.random((5, 6, channels)).astype(np.float32)
    image = np.asarray(
        np.stack(
            [
                np.asarray(Image.fromarray(small[..., k]).resize((width, height), 2))
                for k in range(channels)
            ],
            -1,
        )
    )
    return (image * 255).astype(np.uint8) if dtype == np.uint8 else image.astype(dtype)


def tensor(image):
    return minitorch.tensor(np.ascontiguousarray(np.moveaxis(image, -1, 0)))


def to_torch(torch, image):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, 0)))


def close(ours, theirs, tolerance=1e-5, off_by_one=0.0):
    """Compare; of bytes a small part may be off by one where the sum of floats rounds otherwise."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if ours.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=tolerance)
        return
    difference = np.abs(ours.astype(np.int64) - theirs.astype(np.int64))
    assert difference.max(initial=0) <= 1 and (difference > 0).mean() <= off_by_one


DTYPES = [np.uint8, np.float32, np.float64]


class TestKinds:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_to_tensor(self, torch, channels):
        image = picture(channels=channels)
        expected = to_torch(torch, image).float().div(255)
        for given in (image, Image.fromarray(image[..., 0] if channels == 1 else image)):
            result = T.ToTensor()(given)
            assert result.dtype == minitorch.float32
            assert np.array_equal(result.numpy(), expected.numpy())
        flat = T.ToTensor()(image[..., 0])
        assert flat.shape == (1, 23, 31)

    def test_to_tensor_of_other_types(self):
        for dtype in (np.float32, np.float64, np.int16, np.int64):
            image = picture().astype(dtype)
            result = F.to_tensor(image).numpy()
            assert result.dtype == dtype and np.array_equal(result, np.moveaxis(image, -1, 0))
        mask = Image.fromarray(picture(channels=1)[..., 0]).convert("1")
        assert set(np.unique(F.to_tensor(mask).numpy())) == {0.0, 1.0}
        wide = Image.fromarray(np.full((2, 3), 40000, np.uint16))
        assert F.to_tensor(wide).numpy().max() == 40000

    def test_a_tensor_is_a_copy(self):
        image = picture(dtype=np.float32)
        F.to_tensor(image)[...] = 0
        assert image.any()

    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I", "LA"])
    def test_pil_and_back(self, mode):
        image = Image.fromarray(picture()).convert(mode)
        result = F.to_pil_image(F.pil_to_tensor(image))
        assert result.mode == mode and np.array_equal(np.asarray(result), np.asarray(image))

    def test_to_pil_image_of_floats(self):
        image = picture(dtype=np.float32)
        result = T.ToPILImage()(tensor(image))
        assert np.array_equal(np.asarray(result), (image * 255).astype(np.uint8))
        assert T.ToPILImage("HSV")(picture()).mode == "HSV"

    @pytest.mark.parametrize(
        ("call", "error"),
        [
            (lambda: F.to_tensor(minitorch.ones(3)), TypeError),
            (lambda: F.to_tensor(np.ones(3)), ValueError),
            (lambda: F.to_pil_image(minitorch.ones(1, 1, 1, 1)), ValueError),
            (lambda: F.to_pil_image(minitorch.ones(5, 2, 2)), ValueError),
            (lambda: F.to_pil_image("x"), TypeError),
            (lambda: F.to_pil_image(picture(), "L"), ValueError),
            (lambda: F.to_pil_image(picture(dtype=np.float32)), TypeError),
            (lambda: F.pil_to_tensor(picture()), TypeError),
            (lambda: F.normalize(picture(), [0.5], [0.5]), TypeError),
            (lambda: F.normalize(minitorch.ones(3, 2, 2), [0.5], [0.0]), ValueError),
            (lambda: F.normalize(minitorch.ones(3, 2, 2), [0.5] * 2, [1.0]), ValueError),
            (lambda: F.normalize(minitorch.ones(2, 2), [0.5], [1.0]), ValueError),
            (lambda: F.hflip("image"), TypeError),
            (lambda: F.hflip(np.ones(3)), ValueError),
            (lambda: F.pad(picture(), [1, 2, 3]), ValueError),
            (lambda: F.pad(picture(), 1, padding_mode="wrap"), ValueError),
            (lambda: F.resize(picture(), (1, 2, 3)), ValueError),
            (lambda: F.resize(picture(), 5, max_size=5), ValueError),
            (lambda: F.resize(picture(), (5, 5), T.InterpolationMode.LANCZOS), ValueError),
            (lambda: F.resize(picture(), 5, "cubic"), TypeError),
            (lambda: F.rotate(picture(), "x"), TypeError),
            (lambda: F.rotate(picture(), 3, T.InterpolationMode.BICUBIC), ValueError),
            (lambda: F.affine(picture(), 0, [0], 1, 0), ValueError),
            (lambda: F.affine(picture(), 0, [0, 0], 0, 0), ValueError),
            (lambda: F.rotate(picture(), 3, fill=[1, 2]), ValueError),
            (lambda: F.five_crop(picture(), 99), ValueError),
            (lambda: F.adjust_hue(picture(), 0.6), ValueError),
            (lambda: F.adjust_brightness(picture(), -1), ValueError),
            (lambda: F.adjust_brightness(picture(channels=2), 1), TypeError),
            (lambda: F.posterize(picture(), 9), ValueError),
            (lambda: F.posterize(picture(dtype=np.float32), 3), TypeError),
            (lambda: F.solarize(picture(), 300), TypeError),
            (lambda: F.equalize(picture(dtype=np.float32)), TypeError),
            (lambda: F.gaussian_blur(picture(), 4), ValueError),
            (lambda: F.gaussian_blur(picture(), 3, 0.0), ValueError),
            (lambda: F.gaussian_blur(picture(), 99), ValueError),
            (lambda: F.convert_image_dtype(minitorch.ones(1, 2, 2), minitorch.int32), RuntimeError),
            (lambda: T.Lambda(3), TypeError),
            (lambda: T.RandomCrop(99)(picture()), ValueError),
            (lambda: T.RandomRotation(-3), ValueError),
            (lambda: T.RandomAffine(3, translate=(2, 0)), ValueError),
            (lambda: T.RandomAffine(3, scale=(0, 1)), ValueError),
            (lambda: T.ColorJitter(hue=0.7), ValueError),
            (lambda: T.ColorJitter(brightness=-1), ValueError),
            (lambda: T.GaussianBlur(4), ValueError),
            (lambda: T.RandomErasing(value="x"), ValueError),
            (lambda: T.RandomErasing(p=2), ValueError),
            (lambda: T.RandomErasing(1, value=[1, 2])(picture()), ValueError),
            (lambda: T.RandomChoice([abs], p=[1, 2]), ValueError),
            (lambda: T.Resize("big"), TypeError),
            (lambda: T.MixUp(num_classes=2)(picture(), 1), ValueError),
            (lambda: T.CutMix(alpha=0), ValueError),
        ],
    )
    def test_errors(self, call, error):
        with pytest.raises(error):
            call()

    @pytest.mark.parametrize("source", ["uint8", "int16", "float32", "float64", "int32"])
    @pytest.mark.parametrize("target", ["uint8", "int16", "float32", "float64", "int32"])
    def test_convert_image_dtype(self, source, target):
        """Full brightness stays full brightness, and nothing leaves the range."""
        if (source, target) == ("float32", "int32"):
            return
        old, new = np.dtype(source), np.dtype(target)
        high = 1.0 if old.kind == "f" else np.iinfo(old).max
        values = np.array([0, 0.25, 0.5, 1.0]) * high
        image = minitorch.tensor(values.astype(old).reshape(1, 1, 4))
        result = F.convert_image_dtype(image, getattr(minitorch, target)).numpy()
        top = 1.0 if new.kind == "f" else np.iinfo(new).max
        assert result.dtype == new and result[0, 0, 0] == 0
        assert 0.99 * top <= result[0, 0, 3] <= top
        assert abs(float(result[0, 0, 2]) / top - 0.5) < 0.01

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_normalize(self, torch, dtype):
        image, mean, std = picture(dtype=dtype), [0.4, 0.5, 0.6], [0.2, 0.3, 0.25]
        theirs = to_torch(torch, image)
        kind = theirs.dtype
        expected = theirs.clone().sub_(torch.tensor(mean, dtype=kind)[:, None, None])
        expected.div_(torch.tensor(std, dtype=kind)[:, None, None])
        result = T.Normalize(mean, std)(tensor(image))
        assert np.array_equal(result.numpy(), expected.numpy())
        again = T.Normalize(mean, std)(image)
        assert np.array_equal(np.moveaxis(again, -1, 0), expected.numpy())
        same = tensor(image)
        assert T.Normalize(mean, std, inplace=True)(same) is same
        assert np.array_equal(same.numpy(), expected.numpy())


class TestPlaces:
    @pytest.mark.parametrize(
        "box", [(2, 3, 10, 12), (-3, -4, 10, 50), (15, 25, 20, 20), (-9, -9, 3, 3)]
    )
    def test_crop(self, box):
        """As Pillow: what lies outside is 0."""
        image = picture()
        expected = np.asarray(F.crop(Image.fromarray(image), *box))
        assert np.array_equal(F.crop(image, *box), expected)
        assert np.array_equal(F.crop(tensor(image), *box).numpy(), np.moveaxis(expected, -1, 0))

    @pytest.mark.parametrize("size", [5, (7, 12), (40, 12), (11, 45), (60, 61)])
    def test_center_crop(self, size):
        image = picture()
        expected = np.asarray(T.CenterCrop(size)(Image.fromarray(image)))
        assert expected.shape[:2] == ((size, size) if isinstance(size, int) else size)
        assert np.array_equal(T.CenterCrop(size)(image), expected)

    def test_center_crop_rounds_as_torchvision(self):
        image = np.arange(7)[None].repeat(7, 0).astype(np.uint8)
        assert F.center_crop(image, 4)[0].tolist() == [2, 3, 4, 5]  # round(1.5) is 2

    @pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
    @pytest.mark.parametrize("padding", [2, [3, 1], [1, 2, 3, 4]])
    def test_pad(self, mode, padding):
        image = picture()
        left, top, right, bottom = (
            [padding] * 4 if padding == 2 else padding * 2 if len(padding) == 2 else padding
        )
        expected = np.pad(image, [(top, bottom), (left, right), (0, 0)], mode=mode)
        for given in (image, Image.fromarray(image)):
            result = np.asarray(F.pad(given, padding, padding_mode=mode))
            assert np.array_equal(result, expected)
        result = F.pad(tensor(image), padding, padding_mode=mode).numpy()
        assert np.array_equal(result, np.moveaxis(expected, -1, 0))

    def test_pad_fill(self):
        image = picture()
        for given in (image, Image.fromarray(image)):
            result = np.asarray(F.pad(given, 2, fill=(1, 2, 3)))
            assert result[0, 0].tolist() == [1, 2, 3] and np.array_equal(result[2:-2, 2:-2], image)
        assert np.array_equal(F.pad(image, -2), image[2:-2, 2:-2])
        assert np.array_equal(np.asarray(F.pad(Image.fromarray(image), -2)), image[2:-2, 2:-2])

    def test_flips(self):
        image = picture()
        for function, expected in ((F.hflip, image[:, ::-1]), (F.vflip, image[::-1])):
            for given in (image, Image.fromarray(image)):
                assert np.array_equal(np.asarray(function(given)), expected)
            result = function(tensor(image))
            assert np.array_equal(result.numpy(), np.moveaxis(expected, -1, 0))
            assert result.is_contiguous()

    def test_five_and_ten_crops(self):
        image = picture()
        five = F.five_crop(image, (4, 6))
        assert np.array_equal(five[0], image[:4, :6]) and np.array_equal(five[3], image[-4:, -6:])
        assert np.array_equal(five[1], image[:4, -6:]) and np.array_equal(five[2], image[-4:, :6])
        ten = T.TenCrop((4, 6))(image)
        assert len(ten) == 10 and np.array_equal(ten[5], image[:, ::-1][:4, :6])
        assert len(T.FiveCrop(3)(Image.fromarray(image))) == 5

    def test_sizes(self):
        for given in (picture(), tensor(picture()), Image.fromarray(picture())):
            assert F.get_dimensions(given) == [3, 23, 31] and F.get_image_size(given) == [31, 23]


class TestResize:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("antialias", [True, False])
    @pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
    @pytest.mark.parametrize("size", [(7, 40), (46, 9), (11, 13), (60, 61), (1, 1), (23, 5)])
    def test_as_torch(self, torch, dtype, antialias, mode, size):
        image = picture(dtype=dtype)
        interpolation = T.InterpolationMode(mode)
        result = F.resize(tensor(image), size, interpolation, antialias=antialias).numpy()
        options = {"align_corners": False, "antialias": antialias} if mode[0] == "b" else {}
        theirs = to_torch(torch, image)[None]
        if dtype == np.uint8 and mode[0] == "b":
            theirs = theirs.float()
        expected = torch.nn.functional.interpolate(theirs, size, mode=mode, **options)[0]
        if dtype == np.uint8 and mode[0] == "b":
            expected = expected.clamp(0, 255).round().byte()
        close(result, expected.numpy(), off_by_one=0.05)
        again = F.resize(image, size, interpolation, antialias=antialias)
        assert np.array_equal(np.moveaxis(again, -1, 0), result)

    @pytest.mark.parametrize("mode", list(T.InterpolationMode))
    def test_pil(self, mode):
        image = Image.fromarray(picture())
        number = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
        number.update(box=4, hamming=5)
        expected = image.resize((11, 7), number[mode.value])
        assert np.array_equal(np.asarray(F.resize(image, (7, 11), mode)), np.asarray(expected))

    @pytest.mark.parametrize("mode", [T.InterpolationMode.BILINEAR, T.InterpolationMode.BICUBIC])
    @pytest.mark.parametrize("size", [(7, 11), (50, 60)])
    def test_arrays_look_as_pil_images_do(self, mode, size):
        image = picture()
        ours, pillow = F.resize(image, size, mode), F.resize(Image.fromarray(image), size, mode)
        close(ours, np.asarray(pillow), off_by_one=0.5)

    @pytest.mark.parametrize(
        ("size", "max_size", "expected"),
        [(10, None, (10, 13)), (10, 12, (9, 12)), (46, None, (46, 62)), ([9], None, (9, 12))],
    )
    def test_one_number_is_the_smaller_side(self, size, max_size, expected):
        assert F.resize(picture(), size, max_size=max_size).shape[:2] == expected
        turned = F.resize(picture().swapaxes(0, 1), size, max_size=max_size)
        assert turned.shape[:2] == expected[::-1]

    def test_numbers_and_old_names(self):
        image = picture()
        assert np.array_equal(T.Scale(9, 3)(image), T.Resize(9, T.InterpolationMode.BICUBIC)(image))
        assert T.RandomSizedCrop(9)(image).shape == (9, 9, 3)


def sampled(torch, image, grid, mode, fill):
    """Sample as torchvision does: PyTorch's grid_sample, and a mask for what is outside."""
    values = to_torch(torch, image)[None]
    dtype = values.dtype
    values = values.to(grid.dtype) if not values.is_floating_point() else values
    grid = grid.to(values.dtype)
    values = torch.cat([values, torch.ones_like(values[:, :1])], 1)
    values = torch.nn.functional.grid_sample(values, grid, mode, "zeros", align_corners=False)
    values, mask = values[:, :-1], values[:, -1:]
    if fill is not None:
        colour = torch.tensor(fill, dtype=values.dtype).view(1, -1, 1, 1).expand_as(values)
        if mode == "nearest":
            values = torch.where(mask < 0.5, colour, values)
        else:
            values = values * mask + (1 - mask) * colour
    values = values[0]
    return (values if dtype.is_floating_point else values.round().to(dtype)).numpy()


def forward_matrix(angle, translate, scale, shear, center):
    """Multiply the elementary maps, from old to new coordinates."""
    turn, sx, sy = (math.radians(v) for v in (angle, *shear))
    move = lambda x, y: np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])  # noqa: E731
    rotation = np.array(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]]
    )
    along_x = np.array([[1, -math.tan(sx), 0], [0, 1, 0], [0, 0, 1]])
    along_y = np.array([[1, 0, 0], [-math.tan(sy), 1, 0], [0, 0, 1]])
    scaling = np.diag([scale, scale, 1.0])
    about = rotation @ along_y @ along_x @ scaling
    return move(*translate) @ move(*center) @ about @ move(-center[0], -center[1])


class TestMaps:
    CASES = [
        (30, (0, 0), 1.0, (0, 0), None),
        (-75, (4, -3), 0.8, (0, 0), None),
        (0, (0, 0), 1.3, (20, 0), None),
        (10, (2, 1), 0.9, (10, -15), None),
        (45, (0, 0), 1.0, (0, 0), (5, 8)),
        (33, (1, 2), 1.1, (12, 5), (0, 0)),
    ]

    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("mode", ["nearest", "bilinear"])
    @pytest.mark.parametrize("fill", [None, [10.0, 200.0, 30.0]])
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_affine(self, torch, case, mode, fill, dtype):
        angle, translate, scale, shear, center = case
        image = picture(dtype=dtype)
        height, width = image.shape[:2]
        interpolation = T.InterpolationMode(mode)
        result = F.affine(
            tensor(image), angle, translate, scale, shear, interpolation, fill, center
        ).numpy()
        # in units of pixels from the middle, then as grid_sample counts
        about = (0, 0) if center is None else (center[0] - width / 2, center[1] - height / 2)
        matrix = np.linalg.inv(forward_matrix(angle, translate, scale, shear, about))
        unit = np.diag([2 / width, 2 / height, 1.0])
        theta = torch.from_numpy((unit @ matrix @ np.linalg.inv(unit))[:2])[None]
        grid = torch.nn.functional.affine_grid(theta, (1, 3, height, width), align_corners=False)
        expected = sampled(torch, image, grid.double(), mode, fill)
        tolerance = (
            1.001 if dtype == np.uint8 else 1e-6 if dtype == np.float64 else 0.05 if fill else 1e-4
        )
        differing = np.abs(result.astype(float) - expected.astype(float)) > tolerance
        assert result.dtype == expected.dtype and differing.mean() < 0.02  # ties between pixels

    @pytest.mark.parametrize("angle", [0, 90, 180, 270, -90])
    def test_right_angles(self, angle):
        image = picture(24, 24)
        result = F.rotate(image, angle)
        assert np.array_equal(result, np.rot90(image, angle // 90))

    @pytest.mark.parametrize("angle", [17, 45, -120, 90])
    @pytest.mark.parametrize("expand", [False, True])
    def test_rotate_as_pil(self, angle, expand):
        image = picture()
        pillow = np.asarray(F.rotate(Image.fromarray(image), angle, expand=expand, fill=7))
        ours = F.rotate(image, angle, expand=expand, fill=[7.0, 7.0, 7.0])
        assert ours.shape == pillow.shape
        assert (np.abs(ours.astype(int) - pillow) > 12).mean() < 0.02
        assert np.array_equal(
            pillow, np.asarray(Image.fromarray(image).rotate(angle, 0, expand, fillcolor=(7,) * 3))
        )

    @pytest.mark.parametrize("mode", ["nearest", "bilinear"])
    def test_affine_as_pil(self, mode):
        image, interpolation = picture(), T.InterpolationMode(mode)
        arguments = (20, (3, -2), 0.9, (8, 4), interpolation)
        ours = F.affine(image, *arguments).astype(int)
        pillow = np.asarray(F.affine(Image.fromarray(image), *arguments)).astype(int)
        inside = (ours > 0) & (pillow > 0)
        assert (np.abs(ours - pillow) > 12)[inside].mean() < 0.08  # the border is mixed

    @pytest.mark.parametrize("mode", ["nearest", "bilinear"])
    @pytest.mark.parametrize("fill", [None, [1.0, 2.0, 3.0]])
    def test_perspective(self, torch, mode, fill):
        image = picture(dtype=np.float64)
        height, width = image.shape[:2]
        start = [[0, 0], [30, 0], [30, 22], [0, 22]]
        end = [[3, 2], [27, 1], [25, 20], [1, 18]]
        result = F.perspective(tensor(image), start, end, T.InterpolationMode(mode), fill).numpy()
        # the projective map by its four points, as a null vector
        rows = []
        for (x, y), (u, v) in zip(end, start, strict=True):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
        matrix = np.linalg.svd(np.array(rows, float))[2][-1].reshape(3, 3)
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        u, v, w = np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))
        grid = np.stack([u / w * 2 / width - 1, v / w * 2 / height - 1], -1)[None]
        expected = sampled(torch, image, torch.from_numpy(grid), mode, fill)
        assert (np.abs(result - expected) > 1e-6).mean() < 0.003

    def test_perspective_as_pil(self):
        image = picture()
        points = ([[0, 0], [30, 0], [30, 22], [0, 22]], [[3, 2], [27, 1], [25, 20], [1, 18]])
        ours = F.perspective(image, *points).astype(int)
        pillow = np.asarray(F.perspective(Image.fromarray(image), *points)).astype(int)
        inside = (ours > 0) & (pillow > 0)
        assert (np.abs(ours - pillow) > 12)[inside].mean() < 0.08  # the border is mixed


class TestColours:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_brightness(self, torch, dtype):
        image = picture(dtype=dtype)
        theirs = to_torch(torch, image)
        high = 255 if dtype == np.uint8 else 1.0
        for factor in (0, 0.3, 1, 1.7):
            expected = (factor * theirs).clamp(0, high).to(theirs.dtype)
            close(F.adjust_brightness(tensor(image), factor), expected, off_by_one=0.002)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_grey_contrast_saturation(self, torch, dtype):
        image = picture(dtype=dtype)
        theirs = to_torch(torch, image)
        high = 255 if dtype == np.uint8 else 1.0
        r, g, b = theirs.unbind(0)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(theirs.dtype)[None]
        close(F.rgb_to_grayscale(tensor(image)), grey, off_by_one=0.002)
        close(F.to_grayscale(tensor(image), 3), grey.expand(3, -1, -1), off_by_one=0.002)
        mean = grey.double().mean()
        for factor in (0, 0.4, 1, 2.5):
            mixed = (factor * theirs + (1 - factor) * grey).clamp(0, high).to(theirs.dtype)
            close(F.adjust_saturation(tensor(image), factor), mixed, off_by_one=0.01)
            mixed = (factor * theirs + (1 - factor) * mean).clamp(0, high).to(theirs.dtype)
            close(F.adjust_contrast(tensor(image), factor), mixed, off_by_one=0.01)

    @pytest.mark.parametrize("factor", [-0.5, -0.2, 0.0, 0.1, 0.5])
    def test_hue(self, factor):
        """As Python's own colorsys, pixel by pixel."""
        import colorsys

        image = picture(9, 8, dtype=np.float64)
        image[0, :3] = [[0.5] * 3, [0] * 3, [1, 0, 0]]
        expected = np.empty_like(image)
        for place in np.ndindex(image.shape[:2]):
            h, s, v = colorsys.rgb_to_hsv(*image[place])
            expected[place] = colorsys.hsv_to_rgb((h + factor) % 1, s, v)
        close(F.adjust_hue(image, factor), expected, 1e-9)
        image = picture(9, 8)
        wide = F.adjust_hue(image / np.float64(255), factor)
        assert np.abs(F.adjust_hue(image, factor) - wide * 255).max() <= 1.01

    def test_gamma(self, torch):
        image = picture()
        values = to_torch(torch, image).float().div(255)
        expected = (2 * values**1.7).clamp(0, 1).mul(256 - 1e-3).byte()
        close(F.adjust_gamma(tensor(image), 1.7, 2), expected, off_by_one=0.01)
        pillow = np.asarray(F.adjust_gamma(Image.fromarray(image), 1.7, 2))
        close(np.moveaxis(pillow, -1, 0), expected.numpy(), off_by_one=0.05)

    @pytest.mark.parametrize("name", ["invert", "equalize", "autocontrast"])
    def test_bytes_as_pil(self, name):
        image = picture()
        image[3:9] //= 3
        function = getattr(F, name)
        pillow = np.asarray(function(Image.fromarray(image)))
        assert np.abs(function(image).astype(int) - pillow).max() <= 1
        assert np.array_equal(function(tensor(image)).numpy(), np.moveaxis(function(image), -1, 0))

    def test_flat_images(self):
        flat = np.full((5, 6, 3), 77, np.uint8)
        for function in (F.equalize, F.autocontrast):
            assert np.array_equal(function(flat), flat)

    @pytest.mark.parametrize("bits", [1, 4, 8])
    def test_posterize_and_solarize(self, bits):
        image = picture()
        pillow = np.asarray(F.posterize(Image.fromarray(image), bits))
        assert np.array_equal(F.posterize(image, bits), pillow)
        threshold = 30 * bits
        pillow = np.asarray(F.solarize(Image.fromarray(image), threshold))
        assert np.array_equal(F.solarize(image, threshold), pillow)

    @pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 2.0])
    def test_pil_factors(self, factor):
        image = picture()
        names = ("brightness", "contrast", "saturation", "sharpness")
        for name in names:
            function = getattr(F, f"adjust_{name}")
            pillow = np.asarray(function(Image.fromarray(image), factor)).astype(int)
            ours = function(image, factor).astype(int)
            assert np.abs(ours - pillow).max() <= 3, name

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_sharpness(self, torch, dtype):
        image = picture(dtype=dtype)
        values = to_torch(torch, image)
        kernel = torch.ones(3, 1, 3, 3, dtype=torch.float64)
        kernel[:, :, 1, 1] = 5
        blurred = torch.nn.functional.conv2d(values.double()[None], kernel / 13, groups=3)[0]
        if dtype == np.uint8:
            blurred = blurred.round()
        soft = values.double().clone()
        soft[:, 1:-1, 1:-1] = blurred
        high = 255 if dtype == np.uint8 else 1.0
        expected = (0.4 * values.double() + 0.6 * soft).clamp(0, high).to(values.dtype)
        close(F.adjust_sharpness(tensor(image), 0.4), expected, off_by_one=0.02)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(("size", "sigma"), [(3, None), ((5, 3), (0.7, 2.0)), (7, 1.5)])
    def test_gaussian_blur(self, torch, dtype, size, sigma):
        image = picture(dtype=dtype)
        sizes = (size, size) if isinstance(size, int) else size
        sigmas = [0.3 * ((k - 1) * 0.5 - 1) + 0.8 for k in sizes]
        if sigma is not None:
            sigmas = (sigma, sigma) if isinstance(sigma, float) else sigma
        kernels = []
        for k, s in zip(sizes, sigmas, strict=True):
            x = torch.linspace(-(k - 1) * 0.5, (k - 1) * 0.5, k, dtype=torch.float64)
            kernels.append(torch.exp(-0.5 * (x / s) ** 2) / torch.exp(-0.5 * (x / s) ** 2).sum())
        kernel = (kernels[1][:, None] * kernels[0]).expand(3, 1, -1, -1)
        values = to_torch(torch, image)
        around = [sizes[0] // 2] * 2 + [sizes[1] // 2] * 2
        padded = torch.nn.functional.pad(values.double()[None], around, mode="reflect")
        expected = torch.nn.functional.conv2d(padded, kernel, groups=3)[0]
        expected = expected.round().byte() if dtype == np.uint8 else expected.to(values.dtype)
        close(F.gaussian_blur(tensor(image), size, sigma), expected, off_by_one=0.01)
        if dtype == np.uint8:
            pillow = np.asarray(T.GaussianBlur(3, 1.0)(Image.fromarray(image)))
            assert np.array_equal(pillow, T.GaussianBlur(3, 1.0)(image))

    def test_batches_are_as_single_images(self):
        stack = minitorch.tensor(np.stack([np.moveaxis(picture(seed=s), -1, 0) for s in range(3)]))
        functions = [
            lambda x: F.resize(x, (9, 40)),
            lambda x: F.rotate(x, 33, T.InterpolationMode.BILINEAR),
            lambda x: F.adjust_contrast(x, 0.3),
            lambda x: F.adjust_hue(x, 0.3),
            lambda x: F.gaussian_blur(x, 5),
            F.equalize,
            F.autocontrast,
            lambda x: F.pad(x, 2, (1, 2, 3)),
            lambda x: F.adjust_sharpness(x, 2.0),
        ]
        for function in functions:
            whole = function(stack).numpy()
            for k in range(3):
                assert np.array_equal(whole[k], function(stack[k]).numpy())


ALL = [
    T.RandomCrop(15, padding=4),
    T.RandomCrop(40, pad_if_needed=True, padding_mode="reflect"),
    T.RandomResizedCrop(12),
    T.RandomHorizontalFlip(),
    T.RandomVerticalFlip(),
    T.RandomRotation(30),
    T.RandomRotation((10, 20), T.InterpolationMode.BILINEAR, expand=False),
    T.RandomAffine(20, (0.1, 0.2), (0.8, 1.2), 10),
    T.RandomAffine(0, shear=(-5, 5, -5, 5)),
    T.RandomPerspective(p=0.9),
    T.ColorJitter(0.4, 0.4, 0.4, 0.1),
    T.RandomGrayscale(0.5),
    T.GaussianBlur(3),
    T.RandomApply([T.ColorJitter(0.5)], 0.5),
    T.RandomChoice([T.RandomHorizontalFlip(1.0), T.Grayscale(3)]),
    T.RandomOrder([T.RandomHorizontalFlip(), T.RandomRotation(5)]),
    T.RandAugment(),
    T.TrivialAugmentWide(),
    T.AutoAugment(),
    T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=128),
    T.AutoAugment(T.AutoAugmentPolicy.SVHN, T.InterpolationMode.BILINEAR),
    T.RandomInvert(),
    T.RandomEqualize(),
    T.RandomAutocontrast(),
    T.RandomPosterize(3),
    T.RandomSolarize(100),
    T.RandomAdjustSharpness(2),
]


class TestRandom:
    @pytest.mark.parametrize("transform", ALL, ids=lambda t: repr(t).replace("\n", ""))
    def test_every_kind_of_image(self, transform):
        """Two runs from one seed are equal, and the result is of the same kind."""
        for image in (picture(), tensor(picture()), Image.fromarray(picture())):
            results = []
            for _ in range(2):
                minitorch.manual_seed(4)
                results.append([transform(image) for _ in range(12)])
            for a, b in zip(*results, strict=True):
                assert type(a) is type(b) and isinstance(a, type(image).__mro__[-2])
                assert np.array_equal(np.asarray(a), np.asarray(b))
            assert len({np.asarray(r).tobytes() for r in results[0]}) > 1 or "Blur" in str(
                transform
            )

    @pytest.mark.parametrize("transform", ALL[:20], ids=lambda t: repr(t).replace("\n", ""))
    def test_grey_images(self, transform):
        result = transform(picture(channels=1)[..., 0])
        assert result.ndim == 2 or isinstance(transform, T.RandomChoice)

    def test_frequencies(self):
        minitorch.manual_seed(0)
        image = picture()
        flips = [np.array_equal(T.RandomHorizontalFlip(0.3)(image), image) for _ in range(1000)]
        assert abs(np.mean(flips) - 0.7) < 0.05
        corners = np.array([T.RandomCrop.get_params(image, (20, 30))[:2] for _ in range(1000)])
        assert set(corners[:, 0]) == set(range(4)) and set(corners[:, 1]) == {0, 1}
        chooser = T.RandomChoice([lambda image: 0, lambda image: 1], p=[1, 3])
        assert abs(np.mean([chooser(image) for _ in range(1000)]) - 0.75) < 0.05
        orders = {tuple(T.ColorJitter.get_params(None, None, None, None)[0]) for _ in range(500)}
        assert len(orders) == 24

    def test_ranges(self):
        minitorch.manual_seed(0)
        angles = [T.RandomRotation.get_params((-10.0, 20.0)) for _ in range(2000)]
        assert -10 <= min(angles) < -9.8 and 19.8 < max(angles) <= 20
        image = picture(100, 100)
        boxes = np.array(
            [T.RandomResizedCrop.get_params(image, (0.2, 0.5), (0.5, 2.0)) for _ in range(2000)]
        )
        areas = boxes[:, 2] * boxes[:, 3] / 10000
        assert 0.19 < areas.min() < 0.22 and 0.48 < areas.max() < 0.52
        shapes = boxes[:, 3] / boxes[:, 2]
        assert 0.48 < shapes.min() < 0.55 and 1.85 < shapes.max() < 2.1
        assert abs(np.log(shapes).mean()) < 0.05
        factors = [
            T.ColorJitter.get_params((0.5, 1.5), None, None, (-0.1, 0.1)) for _ in range(1000)
        ]
        assert min(f[1] for f in factors) < 0.52 and max(f[4] for f in factors) > 0.098

    def test_erasing(self):
        minitorch.manual_seed(0)
        image = tensor(picture(40, 40, dtype=np.float32)) + 1
        erased = [
            float((T.RandomErasing(1.0, (0.1, 0.2), value=0)(image).numpy() == 0).mean())
            for _ in range(300)
        ]
        assert 0.08 < min(erased) < 0.12 and 0.18 < max(erased) < 0.22
        colours = T.RandomErasing(1.0, value=(7, 8, 9))(image).numpy()
        assert (colours[0] == 7).any() and (colours[2] == 9).any() and not (colours[0] == 9).any()
        noise = T.RandomErasing(1.0, value="random")(image).numpy()
        assert len(np.unique(noise)) > 100 and image.numpy().min() >= 1
        assert T.RandomErasing(0.0)(image) is image

    def test_cutout(self):
        minitorch.manual_seed(0)
        image = np.ones((32, 32, 3), np.uint8)
        holes = [(T.Cutout(length=8)(image)[..., 0] == 0).sum() for _ in range(300)]
        assert max(holes) == 64 and min(holes) == 16 and image.all()

    def test_mixup(self):
        minitorch.manual_seed(0)
        images = minitorch.rand(6, 3, 4, 4)
        labels = minitorch.tensor([0, 1, 2, 3, 4, 0])
        mixed, parts = T.MixUp(alpha=0.4, num_classes=5)(images, labels)
        part = float(parts.numpy()[1].max())
        first, second = images.numpy(), np.roll(images.numpy(), 1, 0)
        own = parts.numpy()[1, 1]
        np.testing.assert_allclose(mixed.numpy(), own * first + (1 - own) * second, atol=1e-6)
        assert np.allclose(parts.numpy().sum(1), 1) and 0.5 <= part <= 1

    def test_cutmix(self):
        minitorch.manual_seed(0)
        images = minitorch.arange(6).view(6, 1, 1, 1).expand(6, 3, 10, 10).float()
        labels = minitorch.arange(6)
        mixed, parts = T.CutMix(num_classes=6)(images, labels)
        pasted = (mixed.numpy()[3, 0] == 2).mean()
        assert parts.numpy()[3, 3] == pytest.approx(1 - pasted)
        assert parts.numpy()[3, 2] == pytest.approx(pasted)

    def test_mixing_as_collate_function(self):
        samples = [(minitorch.rand(1, 4, 4), k % 3) for k in range(8)]
        loader = minitorch.utils.data.DataLoader(
            samples, batch_size=4, collate_fn=v2.MixUp(num_classes=3)
        )
        for images, labels in loader:
            assert images.shape == (4, 1, 4, 4) and labels.shape == (4, 3)
            minitorch.nn.functional.cross_entropy(minitorch.zeros(4, 3), labels)


class TestCompositions:
    def test_compose(self):
        steps = T.Compose([T.Resize(20), T.ToTensor(), T.Normalize([0.5] * 3, [0.5] * 3)])
        result = steps(Image.fromarray(picture()))
        assert result.shape == (3, 20, 26) and result.dtype == minitorch.float32
        assert repr(T.Compose([T.Resize(20)])) == (
            "Compose(\n    Resize(size=20, interpolation=bilinear, max_size=None, "
            "antialias=True)\n)"
        )
        steps.transforms.insert(0, T.RandomHorizontalFlip())
        assert len(steps.transforms) == 4

    def test_in_a_sequential_module(self):
        steps = minitorch.nn.Sequential(T.CenterCrop(10), T.ConvertImageDtype(minitorch.float32))
        assert steps(tensor(picture())).shape == (3, 10, 10)

    def test_paths(self):
        from minitorch.vision.transforms.transforms import Compose

        assert Compose is T.Compose and T.transforms.Compose is Compose
        assert T.functional is F and set(T.__all__) <= set(v2.__all__)
        assert v2.ToDtype(minitorch.float32, scale=True)(v2.ToImage()(picture())).numpy().max() <= 1
        for name in T.__all__:
            assert getattr(T, name).__doc__

    def test_without_pillow(self):
        """Arrays and tensors need no Pillow, and importing the transforms does not import it."""
        import subprocess
        import sys

        program = (
            "import sys; sys.modules['PIL'] = None\n"
            "import numpy as np\n"
            "from minitorch.vision import transforms as T\n"
            "image = np.zeros((20, 30, 3), np.uint8)\n"
            "steps = [T.Resize(16), T.RandomCrop(12, 2), T.RandomRotation(9), T.RandAugment(),\n"
            "         T.ColorJitter(.1, .1, .1, .1), T.ToTensor(), T.Normalize([0], [1])]\n"
            "assert T.Compose(steps)(image).shape == (3, 12, 12)\n"
            "try: T.ToPILImage()(image)\n"
            "except ImportError as error: assert 'pip install pillow' in str(error)\n"
        )
        subprocess.run([sys.executable, "-c", program], check=True)
